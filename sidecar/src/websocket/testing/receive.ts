// Waits for what comes to one side of a relay.
import type { WebSocket } from 'ws';

import type { Message } from '../message.ts';

/** the next messages of a socket; fails if it closes before the last of them */
export async function receive(socket: WebSocket, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  if (count === 0) return messages;
  return new Promise((resolve, reject) => {
    const onMessage = (data: Buffer, binary: boolean): void => {
      messages.push({ data, binary });
      if (messages.length < count) return;
      socket.off('message', onMessage);
      socket.off('close', onClose);
      resolve(messages);
    };
    const onClose = (code: number): void => reject(new Error(`closed with ${code}`));
    socket.on('message', onMessage);
    socket.on('close', onClose);
  });
}
