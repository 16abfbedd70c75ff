/** What a {@link WsappSocket} does about connections that end. */
export interface WsappSocketOptions {
  /** Whether to ask the server for a session that outlives connections; default true. */
  resume?: boolean;
  /** Milliseconds before the first new attempt, doubled for each that fails; default 1,000. */
  delay?: number;
  /** And at most so many; default 30,000. */
  maxDelay?: number;
  /** Milliseconds for one attempt; default 10,000. */
  timeout?: number;
  /** Milliseconds of silence after which the server is asked whether it is there; default 20,000. */
  quiet?: number;
  /** Milliseconds for its answer; default 8,000. */
  answer?: number;
  /** Milliseconds after which a connection counts as good, so that delays begin anew; default 10,000. */
  steady?: number;
  /** Bytes that may be kept because they are not sent or not acknowledged, 64 more for each message; default 16 MiB. */
  maxBuffer?: number;
  /** Makes a message that the server answers, to ask with where sessions are not resumed. */
  probe?: (() => string | ArrayBuffer | Blob) | null;
  /** Whether to try again after such an end; by default after 1001, 1006, 1011, 1012, 1013 and 1014.  Not where it throws. */
  retry?: (event: CloseEvent) => boolean;
}

/** Where a {@link WsappSocket} stands. */
export type WsappSocketState = "connecting" | "open" | "waiting" | "closed";

/** Told of each change of state. */
export interface WsappStateEvent extends Event {
  readonly state: WsappSocketState;
  /** With "open": whether the session has gone on. */
  readonly resumed?: boolean;
  /** With "open": messages that had left for a session that could not go on, and may or may not have arrived. */
  readonly lost?: number;
  /** With "waiting": milliseconds until the next attempt. */
  readonly delay?: number;
  /** With "waiting" and "closed": how the connection ended. */
  readonly code?: number;
  readonly reason?: string;
}

export interface WsappSocketEventMap extends WebSocketEventMap {
  state: WsappStateEvent;
}

/**
 * A WebSocket that comes back.  Its interface is the browser's, but that `send` keeps messages while there is no
 * connection, `open` is fired for each new session, and `close` only once it is over for good.
 */
export declare class WsappSocket extends EventTarget implements WebSocket {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  /**
   * @param url Where to connect, or a function that says it for each attempt.
   * @throws DOMException SyntaxError: the URL or a subprotocol cannot be.
   */
  constructor(url: string | URL | (() => string | URL), protocols?: string | string[], options?: WsappSocketOptions);

  binaryType: BinaryType;
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number;
  readonly extensions: string;
  readonly protocol: string;
  readonly readyState: 0 | 1 | 2 | 3;
  readonly state: WsappSocketState;
  readonly url: string;

  onopen: ((this: WebSocket, event: Event) => any) | null;
  onmessage: ((this: WebSocket, event: MessageEvent) => any) | null;
  onclose: ((this: WebSocket, event: CloseEvent) => any) | null;
  onerror: ((this: WebSocket, event: Event) => any) | null;
  onstate: ((this: WsappSocket, event: WsappStateEvent) => any) | null;

  /**
   * Send a message, or keep it until there is a connection.
   * @throws DOMException QuotaExceededError: more is kept already than may be.
   */
  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void;
  /**
   * Close for good.
   * @throws DOMException InvalidAccessError: the code is neither 1000 nor 3000 to 4999; SyntaxError: the reason has
   *     more than 123 bytes.  Nothing has changed then.
   */
  close(code?: number, reason?: string): void;
  /** Try now, whatever the wait was; a connection that there is is given up. */
  reconnect(): void;

  addEventListener<K extends keyof WsappSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WsappSocketEventMap[K]) => any,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof WsappSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WsappSocketEventMap[K]) => any,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

export default WsappSocket;
