/*
 * wsload: load for one WebSocket server on this machine, from one thread with epoll.
 *
 *   wsload MODE -p PORT... -m FILE [-c CONNECTIONS] [-w WINDOW] [-d SECONDS] [-u SECONDS] [-n COUNT]
 *          [-i PID]... [-b PID] [-r PATH] [-g GREETING] [-k SKIPPED] [-s SECONDS] [-T] [-z]
 *
 * MODE  echo       every connection keeps WINDOW messages in flight
 *       broadcast  connection 0 keeps WINDOW messages in flight, and every connection receives each
 *       idle       opens the connections, holds them, and sees how much memory the server took
 *       churn      connects, sends one message, receives it and hangs up, COUNT times
 *       close      the same, with the closing handshake before hanging up
 *
 * -m  the message, which must be text      -T  over TLS, taking any certificate
 * -i  a process of the server's            -z  with permessage-deflate, no context kept on either side
 * -d  how long to measure                  -u  how long to run before that
 * -r  what to ask for, instead of /        -g  what each connection says first
 * -k  messages that each gets before any that count
 * -s  how long to wait between the last connection and the first message
 * -b  the process of a broker behind the servers, whose CPU time is told apart
 *
 * With several ports the connections are dealt out among them in turn.
 *
 * Messages that are due to one connection leave in one write, after all that had arrived was read: so
 * do those of a client that answers events.  The first message that comes back is compared with the
 * one sent (inflated if need be), and the length of every one; a server that answers anything else is an error.
 *
 * Prints one JSON object, or exits with 1 and a line on stderr.  The server's CPU time is the kernel's
 * account of its processes (clock_getcpuclockid(3)), which the load on the rest of the machine does not enter.
 *
 * Talks to 127.0.0.1 only.  Build: cc -O2 -o wsload wsload.c -lssl -lcrypto -lz
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_HEAD 4096
#define MAX_PROCESSES 64
#define MAX_PORTS 16
#define MAX_WINDOW 64
#define DIALLING 200                    /* connections being opened at once */
#define RING (1 << 16)                  /* messages in flight whose times are known */
#define SLOWEST 4000000                 /* latencies are counted up to 4 s */
#define OPENING_SECONDS 60
#define CHURN_SECONDS 30
#define EXTRA_SECONDS 3
#define FEWEST 4                        /* messages for each connection that are too few to judge by */

/* RFC 6455 1.3: the key of its example, and the answer to it. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum opcode { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
enum state { UNUSED, CONNECTING, SECURING, UPGRADING, OPEN };
enum mode { ECHO, BROADCAST, IDLE, CHURN, CHURN_CLOSE };

struct connection {
    int fd, index;
    enum state state;
    SSL *ssl;
    char *head;                         /* the server's answer, until it is whole */
    size_t headLength;
    uint8_t header[10];                 /* of the frame being read */
    int headerLength, inPayload;
    uint64_t needed;                    /* what is still to come of its payload */
    uint64_t messageLength;             /* payload bytes of the message so far */
    int compressed;
    uint8_t control[125];               /* payload of a control frame */
    int controlLength;
    char *out;                          /* what the socket did not take */
    size_t outStart, outLength, outRoom;
    uint64_t dialledAt, sentAt[MAX_WINDOW];
    unsigned sent, received;
    int due;                            /* messages to send once the input is read */
    int skipping;                       /* messages that do not count, still to come */
};

static enum mode mode;
static int ports[MAX_PORTS], portCount;
static const char *path = "/", *greeting;
static int skipped;
static double settling;
static pid_t broker;
static int count = 1000, wanted = 1, window = 1, deflating;
static double seconds = 1, warmup = 0.3;
static pid_t processes[MAX_PROCESSES];
static int processCount;
static SSL_CTX *tls;

static int epoll;
static struct connection *connections;
static int opened, failed, finished, started;
static char *message, *frame;
static size_t messageLength, frameLength, greetingLength;

static int measuring;
static uint64_t delivered;
static uint32_t latencies[SLOWEST];     /* how many took so many microseconds */
static uint64_t broadcastAt[RING];

static char *firstMessage;              /* the payload of the first that connection 0 is sent */
static size_t firstLength;
static int checked;

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static void *room(void *old, size_t size)
{
    void *new = realloc(old, size);
    if (!new)
        die("out of memory");
    return new;
}

/* --- time and accounts --- */

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t after(double s)
{
    return now() + (uint64_t)(s * 1e9);
}

/* Nanoseconds of CPU that a process has used, threads that ended included. */
static uint64_t timeOf(pid_t process)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(process, &clock) || clock_gettime(clock, &t))
        die("no CPU account of process %d", process);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Of all the server's processes. */
static uint64_t serverTime(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < processCount; i++)
        sum += timeOf(processes[i]);
    return sum;
}

/* KiB of memory that the server's processes hold; what they share counts once. */
static long serverMemory(void)
{
    long sum = 0;
    for (int i = 0; i < processCount; i++) {
        char line[200];
        snprintf(line, sizeof line, "/proc/%d/smaps_rollup", processes[i]);
        FILE *file = fopen(line, "r");
        long kib;
        if (!file)
            die("no memory account of process %d", processes[i]);
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "Pss: %ld", &kib) == 1)
                sum += kib;
        fclose(file);
    }
    return sum;
}

static void noteLatency(uint64_t sentAt)
{
    uint64_t us = (now() - sentAt) / 1000;
    if (measuring)
        latencies[us < SLOWEST ? us : SLOWEST - 1]++;
}

static int percentile(double share)
{
    uint64_t all = 0, seen = 0;
    for (int us = 0; us < SLOWEST; us++)
        all += latencies[us];
    for (int us = 0; us < SLOWEST; us++)
        if ((seen += latencies[us]) >= all * share)
            return us;
    return 0;
}

/* --- what is sent --- */

static void readMessage(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (!file)
        die("cannot read %s", name);
    for (size_t more = 1; more > 0; messageLength += more) {
        message = room(message, messageLength + (1 << 20));
        more = fread(message + messageLength, 1, 1 << 20, file);
    }
    fclose(file);
}

/* RFC 7692 7.2.1: raw deflate to a byte boundary, without the last four bytes. */
static void compressMessage(char **to, size_t *length)
{
    z_stream z = {0};
    deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    size_t most = deflateBound(&z, messageLength) + 16;
    *to = room(NULL, most);
    z.next_in = (Bytef *)message, z.avail_in = messageLength;
    z.next_out = (Bytef *)*to, z.avail_out = most;
    deflate(&z, Z_SYNC_FLUSH);
    *length = most - z.avail_out - 4;
    deflateEnd(&z);
}

static size_t putFrame(char *to, uint8_t first, const char *payload, size_t length)
{
    static const uint8_t mask[4] = {0x12, 0xa4, 0x5c, 0x7e};
    char *p = to;
    *p++ = 0x80 | first;
    int lengthBytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
    *p++ = 0x80 | (lengthBytes == 0 ? length : lengthBytes == 2 ? 126 : 127);
    while (lengthBytes--)
        *p++ = (uint64_t)length >> (8 * lengthBytes);
    memcpy(p, mask, 4);
    p += 4;
    for (size_t i = 0; i < length; i++)
        *p++ = payload[i] ^ mask[i & 3];
    return p - to;
}

static void makeFrame(void)
{
    char *payload = message;
    size_t length = messageLength;
    if (deflating)
        compressMessage(&payload, &length);
    frame = room(NULL, length + 14);
    frameLength = putFrame(frame, TEXT | (deflating ? 0x40 : 0), payload, length);
    if (greeting) {
        char *framed = room(NULL, strlen(greeting) + 14);
        greetingLength = putFrame(framed, TEXT, greeting, strlen(greeting));
        greeting = framed;
    }
}

/* --- bytes out and in --- */

static void watch(struct connection *c, int operation, int writing)
{
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll, operation, c->fd, &event);
}

/* Like send and recv: -1 when there is nothing to do now, 0 at the end. */
static ssize_t give(struct connection *c, const char *bytes, size_t length)
{
    if (!c->ssl)
        return send(c->fd, bytes, length, MSG_NOSIGNAL);
    ERR_clear_error();
    int done = SSL_write(c->ssl, bytes, length > 16384 ? 16384 : (int)length);
    return done > 0 ? done : -1;
}

static ssize_t take(struct connection *c, char *bytes, size_t length)
{
    if (!c->ssl) {
        ssize_t done = recv(c->fd, bytes, length, 0);
        return done < 0 && errno != EAGAIN ? 0 : done;
    }
    ERR_clear_error();
    int done = SSL_read(c->ssl, bytes, (int)length);
    if (done > 0)
        return done;
    int error = SSL_get_error(c->ssl, done);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

static void post(struct connection *c, const char *bytes, size_t length)
{
    if (c->outLength == c->outStart) {
        c->outLength = c->outStart = 0;
        for (ssize_t done; length && (done = give(c, bytes, length)) > 0;)
            bytes += done, length -= done;
        if (!length)
            return;
    }
    if (c->outLength + length > c->outRoom) {
        c->outRoom = (c->outLength + length) * 2;
        c->out = room(c->out, c->outRoom);
    }
    memcpy(c->out + c->outLength, bytes, length);
    c->outLength += length;
    watch(c, EPOLL_CTL_MOD, 1);
}

static void postRest(struct connection *c)
{
    while (c->outStart < c->outLength) {
        ssize_t done = give(c, c->out + c->outStart, c->outLength - c->outStart);
        if (done <= 0)
            return;
        c->outStart += done;
    }
    c->outLength = c->outStart = 0;
    watch(c, EPOLL_CTL_MOD, 0);
}

static void postMessages(struct connection *c, int number)
{
    static char joined[1 << 16];
    uint64_t t = now();
    for (int i = 0; i < number; i++, c->sent++) {
        c->sentAt[c->sent % MAX_WINDOW] = t;
        if (mode == BROADCAST)
            broadcastAt[c->sent % RING] = t;
    }
    if (frameLength * number <= sizeof joined) {
        for (int i = 0; i < number; i++)
            memcpy(joined + i * frameLength, frame, frameLength);
        post(c, joined, frameLength * number);
    } else {
        for (int i = 0; i < number; i++)
            post(c, frame, frameLength);
    }
}

static void postControl(struct connection *c, enum opcode opcode, const char *payload, int length)
{
    char bytes[140];
    post(c, bytes, putFrame(bytes, opcode, payload, length));
}

/* --- the life of a connection --- */

static int portOf(const struct connection *c)
{
    return ports[c->index % portCount];
}

static void dial(struct connection *c)
{
    int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(portOf(c))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        die("no socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    c->state = CONNECTING;
    c->dialledAt = now();
    c->headerLength = c->inPayload = c->controlLength = c->due = 0;
    c->needed = c->messageLength = c->headLength = c->outStart = c->outLength = 0;
    c->sent = c->received = 0;
    c->skipping = skipped;
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        die("cannot connect: %s", strerror(errno));
    watch(c, EPOLL_CTL_ADD, 1);
    started++;
}

static void hangUp(struct connection *c)
{
    if (c->state == OPEN && !c->skipping)
        opened--;
    if (c->ssl)
        SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->state = UNUSED;
    if ((mode == CHURN || mode == CHURN_CLOSE) && started < count)
        dial(c);
}

static void fail(struct connection *c)
{
    failed++;
    hangUp(c);
}

static void askToUpgrade(struct connection *c)
{
    char head[512];
    int length = snprintf(
        head, sizeof head,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        path, portOf(c),
        deflating ? "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
                    "server_no_context_takeover\r\n"
                  : "");
    c->state = UPGRADING;
    c->head = room(NULL, MAX_HEAD + 1);
    post(c, head, length);
}

static void checkHead(const char *head)
{
    if (strncmp(head, "HTTP/1.1 101", 12))
        die("refused: %.*s", (int)strcspn(head, "\r\n"), head);
    if (!strstr(head, ACCEPT))
        die("a wrong Sec-WebSocket-Accept");
    if (deflating && !strcasestr(head, "permessage-deflate"))
        die("no permessage-deflate");
}

/* The first message is what was sent. */
static void checkFirst(int compressed)
{
    char *text = firstMessage;
    size_t length = firstLength;
    if (compressed) {
        z_stream z = {0};
        text = room(NULL, messageLength + 1);
        firstMessage = room(firstMessage, firstLength + 4);
        memcpy(firstMessage + firstLength, "\0\0\xff\xff", 4);
        inflateInit2(&z, -15);
        z.next_in = (Bytef *)firstMessage, z.avail_in = firstLength + 4;
        z.next_out = (Bytef *)text, z.avail_out = messageLength + 1;
        inflate(&z, Z_SYNC_FLUSH);
        length = messageLength + 1 - z.avail_out;
        inflateEnd(&z);
    }
    if (length != messageLength || memcmp(text, message, length))
        die("the server sent back another message");
    checked = 1;
}

/* It can be sent messages, and its own count. */
static void isOpen(struct connection *c)
{
    opened++;
    if (mode == CHURN || mode == CHURN_CLOSE)
        postMessages(c, 1);
}

static void onMessage(struct connection *c)
{
    if (c->skipping) {
        c->messageLength = 0;
        if (c->index == 0)
            firstLength = 0;
        if (--c->skipping == 0)
            isOpen(c);
        return;
    }
    if (c->index == 0 && !checked)
        checkFirst(c->compressed);
    if (!c->compressed && c->messageLength != messageLength)
        die("a message of %llu bytes came back", (unsigned long long)c->messageLength);
    unsigned number = c->received++;
    c->messageLength = 0;
    delivered += measuring;
    switch (mode) {
    case ECHO:
        noteLatency(c->sentAt[number % MAX_WINDOW]);
        c->due++;
        break;
    case BROADCAST:
        noteLatency(broadcastAt[number % RING]);
        c->due += c->index == 0;
        break;
    case CHURN:
        noteLatency(c->dialledAt);
        finished++;
        hangUp(c);
        break;
    case CHURN_CLOSE:
        noteLatency(c->dialledAt);
        postControl(c, CLOSE, "\x03\xe8", 2);
        break;
    case IDLE:
        break;
    }
}

static void onFrame(struct connection *c)
{
    enum opcode opcode = c->header[0] & 15;
    int final = c->header[0] & 0x80;
    c->headerLength = 0;
    if (opcode < CLOSE) {
        if (final)
            onMessage(c);
    } else if (opcode == PING) {
        postControl(c, PONG, (char *)c->control, c->controlLength);
    } else if (opcode == CLOSE) {
        if (mode == CHURN_CLOSE && c->received == 1) {
            finished++;
            hangUp(c);
        } else {
            fail(c);
        }
    }
}

static void takePayload(struct connection *c, const char *bytes, size_t length)
{
    c->needed -= length;
    if (c->header[0] & 8) {
        memcpy(c->control + c->controlLength, bytes, length);
        c->controlLength += length;
        return;
    }
    c->messageLength += length;
    if (c->index == 0 && !checked) {
        firstMessage = room(firstMessage, firstLength + length);
        memcpy(firstMessage + firstLength, bytes, length);
        firstLength += length;
    }
}

/* The header of a frame is whole: what stands in it. */
static void readHeader(struct connection *c)
{
    int kind = c->header[1] & 127;
    c->needed = kind < 126 ? kind : 0;
    for (int i = 2; i < c->headerLength; i++)
        c->needed = c->needed << 8 | c->header[i];
    c->controlLength = 0;
    if (c->header[0] & 8) {
        if (c->needed > sizeof c->control)
            die("a control frame of %llu bytes", (unsigned long long)c->needed);
    } else if ((c->header[0] & 15) != 0) {
        c->compressed = c->header[0] & 0x40;
    }
}

static int headerWanted(const struct connection *c)
{
    int kind = c->header[1] & 127;
    return c->headerLength < 2 || kind < 126 ? 2 : kind == 126 ? 4 : 10;
}

static void takeFrames(struct connection *c, const char *bytes, size_t length)
{
    while (length && c->state == OPEN) {
        if (!c->inPayload) {
            c->header[c->headerLength++] = *bytes++;
            length--;
            if (c->headerLength < headerWanted(c))
                continue;
            readHeader(c);
            c->inPayload = 1;
        }
        size_t part = length < c->needed ? length : c->needed;
        takePayload(c, bytes, part);
        bytes += part;
        length -= part;
        if (!c->needed) {
            c->inPayload = 0;
            onFrame(c);
        }
    }
}

/* The server's answer to the request: whole or not yet. */
static void takeHead(struct connection *c, const char *bytes, size_t length)
{
    if (c->headLength + length > MAX_HEAD)
        die("an answer of more than %d bytes", MAX_HEAD);
    memcpy(c->head + c->headLength, bytes, length);
    c->headLength += length;
    c->head[c->headLength] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end)
        return;
    end += 4;
    char *head = c->head;
    size_t rest = c->headLength - (end - head);
    checkHead(head);
    c->head = NULL;
    c->state = OPEN;
    if (greeting)
        post(c, greeting, greetingLength);
    if (!c->skipping)
        isOpen(c);
    takeFrames(c, end, rest);
    free(head);
}

static void secure(struct connection *c)
{
    ERR_clear_error();
    int done = SSL_do_handshake(c->ssl);
    if (done == 1) {
        watch(c, EPOLL_CTL_MOD, 0);
        askToUpgrade(c);
        return;
    }
    int error = SSL_get_error(c->ssl, done);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        watch(c, EPOLL_CTL_MOD, error == SSL_ERROR_WANT_WRITE);
    else
        fail(c);
}

static void onConnected(struct connection *c, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        fail(c);
        return;
    }
    watch(c, EPOLL_CTL_MOD, 0);
    if (!tls) {
        askToUpgrade(c);
        return;
    }
    c->ssl = SSL_new(tls);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    c->state = SECURING;
    secure(c);
}

static void onReadable(struct connection *c)
{
    static char input[1 << 18];
    do {
        ssize_t length = take(c, input, sizeof input);
        if (length < 0)
            break;
        if (length == 0)
            fail(c);
        else if (c->state == UPGRADING)
            takeHead(c, input, length);
        else
            takeFrames(c, input, length);
    } while (c->ssl && (c->state == OPEN || c->state == UPGRADING) && SSL_pending(c->ssl));
    if (c->state == OPEN && c->due) {
        int due = c->due;
        c->due = 0;
        postMessages(c, due);
    }
}

static void turn(void)
{
    struct epoll_event events[512];
    int number = epoll_wait(epoll, events, 512, 20);
    for (int i = 0; i < number; i++) {
        struct connection *c = events[i].data.ptr;
        uint32_t what = events[i].events;
        if (c->state == CONNECTING) {
            onConnected(c, what);
        } else if (c->state == SECURING) {
            secure(c);
        } else if (c->state != UNUSED) {
            if (what & EPOLLOUT)
                postRest(c);
            if (what & (EPOLLIN | EPOLLHUP | EPOLLERR))
                onReadable(c);
        }
    }
}

static void turnUntil(uint64_t end)
{
    while (now() < end && !failed)
        turn();
    if (failed)
        die("%d connections failed", failed);
}

/* --- the jobs --- */

static void openAll(void)
{
    uint64_t end = after(OPENING_SECONDS);
    while (opened < wanted && now() < end && !failed) {
        while (started < wanted && started - opened < DIALLING)
            dial(&connections[started]);
        turn();
    }
    if (opened < wanted)
        die("%d of %d connections opened, %d failed", opened, wanted, failed);
}

static void churn(void)
{
    uint64_t start = now(), end = after(CHURN_SECONDS), cpu = serverTime();
    measuring = 1;
    for (int i = 0; i < wanted && started < count; i++)
        dial(&connections[i]);
    while (finished + failed < count && now() < end && !failed)
        turn();
    if (failed || !finished)
        die("%d connections failed, %d were done", failed, finished);
    double spent = (serverTime() - cpu) / 1e3, taken = (now() - start) / 1e9;
    printf("{\"cpu_us\": %.3f, \"per_s\": %.1f, \"p50_us\": %d, \"p99_us\": %d}\n",
           spent / finished, finished / taken, percentile(.5), percentile(.99));
}

static void idle(void)
{
    long before = serverMemory();
    uint64_t start = now(), cpu = serverTime();
    openAll();
    double taken = (now() - start) / 1e9, opening = (serverTime() - cpu) / 1e3 / wanted;
    cpu = serverTime();
    turnUntil(after(seconds));
    printf("{\"kib\": %.3f, \"cpu_us\": %.3f, \"per_s\": %.1f, \"idle_cpu_us_per_s\": %.3f}\n",
           (double)(serverMemory() - before) / wanted, opening, wanted / taken,
           (serverTime() - cpu) / 1e3 / seconds / wanted);
}

static void exchange(void)
{
    openAll();
    turnUntil(after(settling));
    for (int i = 0; i < (mode == BROADCAST ? 1 : wanted); i++)
        postMessages(&connections[i], window);
    turnUntil(after(warmup));
    uint64_t start = now(), cpu = serverTime(), brokers = broker ? timeOf(broker) : 0;
    measuring = 1;
    turnUntil(after(seconds));
    /* A server slow enough that hardly anything came back gets longer, for a figure that means something. */
    for (uint64_t end = after(EXTRA_SECONDS); delivered < FEWEST * (uint64_t)wanted && now() < end;)
        turnUntil(after(seconds));
    double spent = (serverTime() - cpu) / 1e3, taken = (now() - start) / 1e9;
    if (!delivered || !checked)
        die("nothing came back");
    printf("{\"cpu_us\": %.4f, \"per_s\": %.1f, \"p50_us\": %d, \"p99_us\": %d, \"busy\": %.3f",
           spent / delivered, delivered / taken, percentile(.5), percentile(.99), spent / 1e6 / taken);
    if (broker)
        printf(", \"broker_us\": %.4f", (timeOf(broker) - brokers) / 1e3 / delivered);
    printf("}\n");
}

static enum mode modeNamed(const char *name)
{
    static const char *const names[] = {"echo", "broadcast", "idle", "churn", "close"};
    for (int i = 0; i < 5; i++)
        if (!strcmp(name, names[i]))
            return i;
    die("no mode %s", name);
    return ECHO;
}

static void readArguments(int argc, char **argv)
{
    if (argc < 2)
        die("usage: wsload MODE -p PORT -m FILE ...: see wsload.c");
    mode = modeNamed(argv[1]);
    optind = 2;
    for (int option; (option = getopt(argc, argv, "p:m:c:w:d:u:n:i:b:r:g:k:s:Tz")) != -1;) {
        switch (option) {
        case 'p':
            if (portCount == MAX_PORTS)
                die("more than %d ports", MAX_PORTS);
            ports[portCount++] = atoi(optarg);
            break;
        case 'b': broker = atoi(optarg); break;
        case 'r': path = optarg; break;
        case 'g': greeting = optarg; break;
        case 'k': skipped = atoi(optarg); break;
        case 's': settling = atof(optarg); break;
        case 'm': readMessage(optarg); break;
        case 'c': wanted = atoi(optarg); break;
        case 'w': window = atoi(optarg); break;
        case 'd': seconds = atof(optarg); break;
        case 'u': warmup = atof(optarg); break;
        case 'n': count = atoi(optarg); break;
        case 'i':
            if (processCount == MAX_PROCESSES)
                die("more than %d processes", MAX_PROCESSES);
            processes[processCount++] = atoi(optarg);
            break;
        case 'T':
            tls = SSL_CTX_new(TLS_client_method());
            SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                      | SSL_MODE_RELEASE_BUFFERS);
            break;
        case 'z': deflating = 1; break;
        default: exit(1);
        }
    }
    if (!messageLength || !portCount || wanted < 1 || window < 1 || window > MAX_WINDOW)
        die("a port, a message, connections and a window up to %d are needed", MAX_WINDOW);
}

int main(int argc, char **argv)
{
    readArguments(argc, argv);
    makeFrame();
    epoll = epoll_create1(0);
    connections = calloc(wanted, sizeof *connections);
    for (int i = 0; i < wanted; i++)
        connections[i].index = i;
    if (mode == IDLE)
        idle();
    else if (mode == CHURN || mode == CHURN_CLOSE)
        churn();
    else
        exchange();
    return 0;
}
