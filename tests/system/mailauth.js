// SPDX-License-Identifier: Apache-2.0
// Signs and verifies DKIM with the npm package mailauth: a list of jobs in, a list of answers
// out, both JSON. Messages are in base64, keys of names in the DNS as text.
// {"verify": MESSAGE, "records": {NAME: TEXT}} or {"sign": MESSAGE, "data": {...}}
'use strict';

const { dkimSign } = require('mailauth/lib/dkim/sign');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

async function verify(message, records) {
    const resolver = async (name, type) => {
        if (type === 'TXT' && records[name] !== undefined)
            return [[records[name]]];
        throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    };
    const { results } = await dkimVerify(message, { resolver });

    return results.map(({ status }) => [status.result, status.comment || null]);
}

async function sign(message, data) {
    const { canonicalization, algorithm } = data;
    const { signatures, errors } = await dkimSign(message, {
        canonicalization, algorithm, signTime: new Date(), signatureData: [data]
    });

    if (errors.length > 0)
        throw errors[0].err || errors[0];
    return Buffer.from(signatures, 'binary').toString('base64');
}

async function main() {
    const chunks = [];
    const answers = [];

    for await (const chunk of process.stdin)
        chunks.push(chunk);
    for (const job of JSON.parse(Buffer.concat(chunks).toString()))
        answers.push(job.verify !== undefined
            ? await verify(Buffer.from(job.verify, 'base64'), job.records)
            : await sign(Buffer.from(job.sign, 'base64'), job.data));
    process.stdout.write(JSON.stringify(answers));
}

main();
