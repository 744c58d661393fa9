// Gemini Live: a WebSocket with the key in the query or in a header; a wrong key is told in the close frame.
import type { HostStubDeps } from './host-stub.ts';
import { countTokens, lastContent, single } from './provider-stub.ts';
import { recordUpgrade } from './record.ts';
import { acceptWebSocket, type JsonSocket, type Upgrade } from './web-socket.ts';

const ROUTE =
  /^\/+ws\/google\.ai\.generativelanguage\.v1(?:alpha|beta)?\.GenerativeService\.BidiGenerateContent$/;

export const geminiLive = {
  owns: (url: URL): boolean => ROUTE.test(url.pathname),

  take(upgrade: Upgrade, url: URL, deps: HostStubDeps): void {
    const { headers } = upgrade.request;
    const credential = single(headers['x-goog-api-key']) ?? url.searchParams.get('key') ?? undefined;
    const isExpectedKey = credential !== undefined && deps.keys.accepts('gemini', credential);
    recordUpgrade(deps, 'gemini', upgrade.request, { credential, isExpectedKey });
    let model = '';
    acceptWebSocket(upgrade, {
      binary: true,
      opened(client) {
        if (!isExpectedKey) client.close(1007, 'API key not valid. Please pass a valid API key.');
      },
      received(client, message) {
        if (!isExpectedKey) return;
        const setup = message['setup'] as { model?: string } | undefined;
        const turns = (message['clientContent'] ?? message['client_content']) as
          { turns?: unknown } | undefined;
        if (setup !== undefined) {
          model = setup.model ?? '';
          client.send({ setupComplete: {} });
        } else if (turns !== undefined) {
          reply(client, lastContent(turns.turns), model === 'models/echo-key' ? credential : undefined);
        } else client.close(1007, 'Request contains an invalid argument.');
      },
    });
  },
};

function reply(client: JsonSocket, prompt: string, key: string | undefined): void {
  const text = key === undefined ? `The gemini stub heard: ${prompt}` : `Your key is ${key}, is it not?`;
  const [promptTokens, responseTokens] = [countTokens(prompt), countTokens(text)];
  client.send({ serverContent: { modelTurn: { role: 'model', parts: [{ text }] } } });
  client.send({ serverContent: { generationComplete: true } });
  client.send({
    serverContent: { turnComplete: true },
    usageMetadata: {
      promptTokenCount: promptTokens,
      responseTokenCount: responseTokens,
      totalTokenCount: promptTokens + responseTokens,
    },
  });
}
