// SPDX-License-Identifier: Apache-2.0
// Validates and extends ARC chains with the npm package mailauth: a list of jobs in, a list of
// answers out, both JSON. Messages are in base64, keys of names in the DNS as text.
// {"message": MESSAGE, "records": {NAME: TEXT}, "seal": {...} or null}
'use strict';

const { authenticate } = require('mailauth');

async function run({ message, records, seal }) {
    const resolver = async (name, type) => {
        if (type === 'TXT' && records[name] !== undefined)
            return [[records[name]]];
        throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    };
    const options = { ip: '192.0.2.7', helo: 'mx.client.example', sender: 'a@example.com',
        mta: 'mx.mailauth.example', trustReceived: false, resolver };

    if (seal !== null)
        options.seal = seal;
    const { arc, headers } = await authenticate(Buffer.from(message, 'base64'), options);
    const status = arc === false || arc === undefined ? 'none' : arc.status.result;

    return { result: status, reason: arc && arc.status.comment || null,
        headers: Buffer.from(headers, 'binary').toString('base64') };
}

async function main() {
    const chunks = [];
    const answers = [];

    for await (const chunk of process.stdin)
        chunks.push(chunk);
    for (const job of JSON.parse(Buffer.concat(chunks).toString()))
        answers.push(await run(job));
    process.stdout.write(JSON.stringify(answers));
}

main();
