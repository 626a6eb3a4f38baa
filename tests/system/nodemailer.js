// SPDX-License-Identifier: Apache-2.0
// Sends what standard input describes with nodemailer, and prints what became of it:
// {"transport": {...}, "messages": [...]} in, a list of results out. A message's (raw),
// and content of attachments, are in base64. Modules are found by NODE_PATH.
'use strict';

const nodemailer = require('nodemailer');

function decode(message) {
    for (const attachment of message.attachments || [])
        attachment.content = Buffer.from(attachment.content, 'base64');
    if (message.raw !== undefined)
        message.raw = Buffer.from(message.raw, 'base64');
    return message;
}

async function send(transport, message) {
    try {
        const { accepted, rejected, response, envelope } = await transport.sendMail(decode(message));
        return { accepted, rejected, response, envelope };
    } catch (error) {
        return { code: error.responseCode, command: error.command, error: error.message };
    }
}

async function main() {
    const chunks = [];
    for await (const chunk of process.stdin)
        chunks.push(chunk);
    const asked = JSON.parse(Buffer.concat(chunks).toString());
    const transport = nodemailer.createTransport(asked.transport);
    const results = await Promise.all(asked.messages.map(message => send(transport, message)));
    transport.close();
    process.stdout.write(JSON.stringify(results));
}

main();
