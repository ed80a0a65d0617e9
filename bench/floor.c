/* The least that a libssh2 client can do for the benchmark's works: what clusterctl is compared with.
 *
 * One thread, sessions that never block, and for each host as few round trips as the library allows. It reads the same
 * specification as a handful of plain files that bench/work.py writes, and does for each host:
 *
 *   ping      log in, run `true`
 *   converge  run probe.sh; where its answer is not expect.txt, run apply.sh with payload.tar on its standard input
 *   push      run pushed.sh; where its answer is not pushed.txt, run push.sh with the file on its standard input
 *
 *   floor WORK DIRECTORY KEY KNOWN_HOSTS AT_ONCE
 *
 * DIRECTORY/hosts.tsv has a line a host: name, IPv4 address, port, work directory.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECTING, GREETING, LOGGING_IN, OPENING, STARTING, TALKING, CLOSING, LEAVING, DONE };

typedef struct {
    char name[64], address[64], directory[512];
    int port, descriptor, state, round, failed, finished_input;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
    char *command;
    const char *input;
    size_t input_size, sent, received;
    char output[8192];
} host;

static host *hosts;
static int host_count;
static const char *work, *directory, *key_path;
static char *known_hosts, *scripts[2], *wanted, *input;
static size_t input_size;

static void give_up(const char *what) {
    perror(what);
    exit(2);
}

/* The file's content and a zero byte. */
static char *content(const char *name, size_t *size) {
    char path[1024];
    struct stat status;
    snprintf(path, sizeof path, "%s%s%s", *name == '/' ? "" : directory, *name == '/' ? "" : "/", name);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &status)) give_up(path);
    char *bytes = malloc(status.st_size + 1);
    for (off_t got = 0; got < status.st_size;) {
        ssize_t count = read(descriptor, bytes + got, status.st_size - got);
        if (count <= 0) give_up(path);
        got += count;
    }
    close(descriptor);
    bytes[status.st_size] = 0;
    if (size) *size = status.st_size;
    return bytes;
}

/* The text with the host's own directory for each @W@. */
static char *for_host(const char *text, const host *h) {
    size_t capacity = strlen(text) + 1, width = strlen(h->directory);
    for (const char *at = text; (at = strstr(at, "@W@")); at += 3) capacity += width;
    char *out = malloc(capacity), *end = out;
    for (const char *at; (at = strstr(text, "@W@")); text = at + 3) {
        end = mempcpy(end, text, at - text);
        end = mempcpy(end, h->directory, width);
    }
    strcpy(end, text);
    return out;
}

/* Whether known_hosts has this very key for the host. */
static int is_trusted(const host *h) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = 0, length = 0;
    int type;
    char text[4096], name[128];
    const unsigned char *key = (const unsigned char *)libssh2_session_hostkey(h->session, &size, &type);
    if (!key || size > 3000) return 0;
    for (size_t i = 0; i < size; i += 3) {
        unsigned bits = key[i] << 16 | (i + 1 < size ? key[i + 1] << 8 : 0) | (i + 2 < size ? key[i + 2] : 0);
        for (int n = 0; n < 4; n++) text[length++] = i + n <= size ? digits[bits >> (18 - 6 * n) & 63] : '=';
    }
    text[length] = 0;
    int width = snprintf(name, sizeof name, "[%s]:%d ", h->address, h->port);
    for (const char *line = known_hosts; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, width)) continue;
        const char *blob = strchr(line + width, ' ');
        return blob && !strncmp(blob + 1, text, length);
    }
    return 0;
}

/* An acknowledgement that is held back costs 40 ms wherever the server's small packets wait for it. */
static ssize_t receive(libssh2_socket_t descriptor, void *buffer, size_t size, int flags, void **context) {
    (void)context;
    int one = 1;
    ssize_t count = recv(descriptor, buffer, size, flags);
    int error = errno;
    setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
    return count < 0 ? -error : count;
}

static int begin(host *h) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(h->port)};
    int one = 1;
    inet_pton(AF_INET, h->address, &to.sin_addr);
    h->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(h->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(h->descriptor, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) return -1;
    h->session = libssh2_session_init();
    libssh2_session_callback_set(h->session, LIBSSH2_CALLBACK_RECV, (void *)receive);
    libssh2_session_set_blocking(h->session, 0);
    libssh2_session_method_pref(
        h->session, LIBSSH2_METHOD_KEX, "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256");
    const char *ciphers = "aes128-gcm@openssh.com,aes128-ctr";
    libssh2_session_method_pref(h->session, LIBSSH2_METHOD_CRYPT_CS, ciphers);
    libssh2_session_method_pref(h->session, LIBSSH2_METHOD_CRYPT_SC, ciphers);
    libssh2_session_method_pref(h->session, LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519");
    h->state = CONNECTING;
    return 0;
}

static void set_command(host *h, const char *text, const char *bytes, size_t size) {
    free(h->command);
    h->command = for_host(text, h);
    h->input = bytes;
    h->input_size = size;
    h->sent = h->received = 0;
    h->finished_input = 0;
    h->state = OPENING;
}

/* What comes after a command: another one, or the end. */
static void decide(host *h, int status) {
    h->output[h->received] = 0;
    if (wanted ? !strcmp(h->output, wanted) : status == 0) {
        h->state = LEAVING;
    } else if (wanted && h->round++ == 0) {
        set_command(h, scripts[1], input, input_size);
    } else {
        fprintf(stderr, "%s: status %d, answer: %.300s\n", h->name, status, h->output);
        h->failed = 1;
        h->state = LEAVING;
    }
}

/* Moves bytes both ways; 0 when the command has ended, EAGAIN while it has not, or an error. */
static int talk(host *h) {
    for (;;) {
        char *room = h->output + h->received, rest[4096];
        size_t left = sizeof h->output - 1 - h->received;
        ssize_t count = left ? libssh2_channel_read(h->channel, room, left)
                             : libssh2_channel_read(h->channel, rest, sizeof rest);
        if (count > 0) h->received += left ? count : 0;
        if (count < 0 && count != LIBSSH2_ERROR_EAGAIN) return count;
        if (libssh2_channel_eof(h->channel)) return 0;
        if (count > 0) continue;
        if (h->sent < h->input_size) {
            count = libssh2_channel_write(h->channel, h->input + h->sent, h->input_size - h->sent);
            if (count < 0) return count;
            h->sent += count;
        } else if (!h->finished_input) {
            int status = h->input_size ? libssh2_channel_send_eof(h->channel) : 0;
            if (status) return status;
            h->finished_input = 1;
        } else {
            return LIBSSH2_ERROR_EAGAIN;
        }
    }
}

/* Goes as far as it can without waiting; whether the host is done. */
static int advance(host *h) {
    int status = 0;
    for (;;) switch (h->state) {
    case CONNECTING: h->state = GREETING; break;
    case GREETING:
        if ((status = libssh2_session_handshake(h->session, h->descriptor))) goto out;
        if (!is_trusted(h)) {
            fprintf(stderr, "%s: host key not known\n", h->name);
            h->failed = 1;
            h->state = LEAVING;
            break;
        }
        h->state = LOGGING_IN;
        break;
    case LOGGING_IN:
        status = libssh2_userauth_publickey_fromfile_ex(h->session, "root", 4, NULL, key_path, NULL);
        if (status) goto out;
        set_command(h, scripts[0], NULL, 0);
        break;
    case OPENING:
        h->channel = libssh2_channel_open_session(h->session);
        if (!h->channel) {
            status = libssh2_session_last_errno(h->session);
            goto out;
        }
        /* Errors that nobody reads would keep the channel from its end. */
        libssh2_channel_handle_extended_data2(h->channel, LIBSSH2_CHANNEL_EXTENDED_DATA_MERGE);
        h->state = STARTING;
        break;
    case STARTING:
        if ((status = libssh2_channel_exec(h->channel, h->command))) goto out;
        h->state = TALKING;
        break;
    case TALKING:
        if ((status = talk(h))) goto out;
        h->state = CLOSING;
        break;
    case CLOSING:
        if ((status = libssh2_channel_close(h->channel))) goto out;
        status = libssh2_channel_get_exit_status(h->channel);
        libssh2_channel_free(h->channel);
        h->channel = NULL;
        decide(h, status);
        break;
    case LEAVING:
        status = libssh2_session_disconnect(h->session, "done");
        if (status == LIBSSH2_ERROR_EAGAIN) return 0;
        goto end;
    default: return 1;
    }
out:
    if (status == LIBSSH2_ERROR_EAGAIN) return 0;
    char *words = "";
    libssh2_session_last_error(h->session, &words, NULL, 0);
    fprintf(stderr, "%s: state %d, error %d: %s\n", h->name, h->state, status, words);
    h->failed = 1;
end:
    shutdown(h->descriptor, SHUT_RDWR);
    libssh2_session_free(h->session);
    close(h->descriptor);
    h->state = DONE;
    return 1;
}

static void run(int at_once) {
    struct pollfd *polled = calloc(at_once, sizeof *polled);
    host **of = calloc(at_once, sizeof *of);
    int open = 0, next = 0;
    while (open || next < host_count) {
        for (; open < at_once && next < host_count; next++) {
            host *h = &hosts[next];
            if (begin(h)) {
                perror(h->name);
                h->failed = 1;
                continue;
            }
            polled[open] = (struct pollfd){.fd = h->descriptor, .events = POLLOUT};
            of[open++] = h;
        }
        if (poll(polled, open, 60000) <= 0) give_up("poll");
        for (int i = 0; i < open;) {
            if (polled[i].revents && advance(of[i])) {
                polled[i] = polled[--open];
                of[i] = of[open];
                continue;
            }
            if (polled[i].revents) {
                int out = libssh2_session_block_directions(of[i]->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND;
                polled[i].events = POLLIN | (out ? POLLOUT : 0);
            }
            i++;
        }
    }
}

int main(int count, char **arguments) {
    if (count != 6) {
        fprintf(stderr, "usage: floor ping|converge|push DIRECTORY KEY KNOWN_HOSTS AT_ONCE\n");
        return 2;
    }
    work = arguments[1];
    directory = arguments[2];
    key_path = arguments[3];
    known_hosts = content(arguments[4], NULL);
    scripts[0] = "true";
    if (!strcmp(work, "converge")) {
        scripts[0] = content("probe.sh", NULL);
        scripts[1] = content("apply.sh", NULL);
        wanted = content("expect.txt", NULL);
        input = content("payload.tar", &input_size);
    } else if (!strcmp(work, "push")) {
        scripts[0] = content("pushed.sh", NULL);
        scripts[1] = content("push.sh", NULL);
        wanted = content("pushed.txt", NULL);
        input = content("binary", &input_size);
    }
    const char *line = content("hosts.tsv", NULL);
    for (const char *at = line; (at = strchr(at, '\n')); at++) host_count++;
    hosts = calloc(host_count, sizeof *hosts);
    for (int i = 0; i < host_count; i++, line = strchr(line, '\n') + 1) {
        host *h = &hosts[i];
        if (sscanf(line, "%63s %63s %d %511s", h->name, h->address, &h->port, h->directory) != 4) give_up("hosts.tsv");
    }
    if (libssh2_init(0)) return 2;
    run(atoi(arguments[5]));
    int failed = 0;
    for (int i = 0; i < host_count; i++) failed += hosts[i].failed;
    printf("libssh2 %s, %s: %d of %d hosts\n", libssh2_version(0), work, host_count - failed, host_count);
    return failed != 0;
}
