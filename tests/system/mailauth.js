// SPDX-License-Identifier: Apache-2.0
// Signs and verifies DKIM and ARC with the npm package mailauth: each line of the input is a job,
// each of the output its {"answer": ...} or {"error": TEXT}, both JSON. Messages are in base64,
// keys of names in the DNS as text.
// {"verify": MESSAGE, "records": {NAME: TEXT}}, {"sign": MESSAGE, "data": {...}} or
// {"arc": MESSAGE, "records": {NAME: TEXT}, "seal": {...} or null}
'use strict';

const readline = require('readline');
const { authenticate } = require('mailauth');
const { dkimSign } = require('mailauth/lib/dkim/sign');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

function makeResolver(records) {
    return async (name, type) => {
        if (type === 'TXT' && records[name] !== undefined)
            return [[records[name]]];
        throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    };
}

async function verify({ verify: message, records }) {
    const { results } = await dkimVerify(Buffer.from(message, 'base64'),
        { resolver: makeResolver(records) });

    return results.map(({ status }) => [status.result, status.comment || null]);
}

async function sign({ sign: message, data }) {
    const { canonicalization, algorithm } = data;
    const { signatures, errors } = await dkimSign(Buffer.from(message, 'base64'), {
        canonicalization, algorithm, signTime: new Date(), signatureData: [data]
    });

    if (errors.length > 0)
        throw errors[0].err || errors[0];
    return Buffer.from(signatures, 'binary').toString('base64');
}

async function chain({ arc: message, records, seal }) {
    const options = { ip: '192.0.2.7', helo: 'mx.client.example', sender: 'a@example.com',
        mta: 'mx.mailauth.example', trustReceived: false, resolver: makeResolver(records) };

    if (seal !== null)
        options.seal = seal;
    const { arc, headers } = await authenticate(Buffer.from(message, 'base64'), options);
    const status = arc === false || arc === undefined ? 'none' : arc.status.result;

    return { result: status, headers: Buffer.from(headers, 'binary').toString('base64') };
}

async function answer(job) {
    if (job.verify !== undefined)
        return verify(job);
    return job.sign !== undefined ? sign(job) : chain(job);
}

async function main() {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        let result;

        try {
            result = { answer: await answer(JSON.parse(line)) };
        } catch (error) {
            result = { error: String(error.stack) };
        }
        process.stdout.write(JSON.stringify(result) + '\n');
    }
}

main();
