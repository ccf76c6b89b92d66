import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A mail server that takes every mail and delivers none. */
export interface Mailbox {
  readonly port: number;
  readonly mails: readonly { readonly to: string; readonly text: string }[];
  close(): Promise<void>;
}

/** Speaks as much SMTP (RFC 5321) as a client without extensions needs. */
export async function startMailbox(): Promise<Mailbox> {
  const mails: { to: string; text: string }[] = [];
  const server = createServer((socket) => {
    const say = (line: string) => socket.write(`${line}\r\n`);
    let to = '';
    let text: string[] | undefined;
    let rest = '';
    say('220 test');
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (text !== undefined && line !== '.') text.push(line);
        else if (text !== undefined) {
          mails.push({ to, text: text.join('\n') });
          text = undefined;
          say('250 taken');
        } else if (/^RCPT TO:/i.test(line)) {
          to = /<(.*)>/.exec(line)?.[1] ?? '';
          say('250 ok');
        } else if (/^DATA$/i.test(line)) {
          text = [];
          say('354 go on');
        } else if (/^QUIT$/i.test(line)) socket.end('221 bye\r\n');
        else say('250 ok');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    close: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
