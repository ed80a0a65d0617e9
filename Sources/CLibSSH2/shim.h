// What Swift cannot take from libssh2.h and the socket headers by itself: macros, and calls whose constants are
// spelt differently on Linux and macOS. Compiles with libssh2 1.10 and newer.
#ifndef CLUSTERCTL_CLIBSSH2_SHIM_H
#define CLUSTERCTL_CLIBSSH2_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __linux__
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#else
#include <pthread.h>
#endif

/// A non-blocking stream socket that no child inherits and that raises no SIGPIPE; -1 with errno set on failure.
static inline int clusterctl_stream_socket(int family) {
    int descriptor = socket(family, SOCK_STREAM, 0);
    if (descriptor < 0) return -1;
    int one = 1;
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    if (family != AF_UNIX) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
#ifdef SO_NOSIGPIPE
    setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
#endif
    return descriptor;
}

/// A non-blocking pipe that no child inherits; as pipe(2).
static inline int clusterctl_pipe(int ends[2]) {
    if (pipe(ends) != 0) return -1;
    for (int index = 0; index < 2; index++) {
        fcntl(ends[index], F_SETFD, FD_CLOEXEC);
        fcntl(ends[index], F_SETFL, fcntl(ends[index], F_GETFL) | O_NONBLOCK);
    }
    return 0;
}

/// Two connected, non-blocking local stream sockets that no child inherits and that raise no SIGPIPE; as socketpair(2).
static inline int clusterctl_stream_pair(int ends[2]) {
#ifdef __linux__
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
#else
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return -1;
    for (int index = 0; index < 2; index++) {
        int one = 1;
        fcntl(ends[index], F_SETFD, FD_CLOEXEC);
        fcntl(ends[index], F_SETFL, fcntl(ends[index], F_GETFL) | O_NONBLOCK);
        setsockopt(ends[index], SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
    }
    return 0;
#endif
}

/// Sends without SIGPIPE.
static inline ssize_t clusterctl_send(int descriptor, const void *bytes, size_t count) {
#ifdef MSG_NOSIGNAL
    return send(descriptor, bytes, count, MSG_NOSIGNAL);
#else
    return send(descriptor, bytes, count, 0);
#endif
}

/// Whether a socket takes a fair amount of bytes at once.
static inline int clusterctl_is_writable(int descriptor) {
    struct pollfd look = {.fd = descriptor, .events = POLLOUT, .revents = 0};
    return poll(&look, 1, 0) == 1 && (look.revents & POLLOUT) != 0;
}

/// Whether a connection that was begun stands or has failed.
static inline int clusterctl_is_settled(int descriptor) {
    struct pollfd look = {.fd = descriptor, .events = POLLOUT, .revents = 0};
    return poll(&look, 1, 0) == 1;
}

#ifdef __linux__
/// As epoll_create1(2).
static inline int clusterctl_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

/// Tells `id` once when the descriptor has the events, given as poll's (which are epoll's); 0 on success.
static inline int clusterctl_epoll_once(int set, int descriptor, short events, uint64_t id) {
    struct epoll_event event = {.events = (uint32_t)events | EPOLLONESHOT, .data = {.u64 = id}};
    if (epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &event) == 0) return 0;
    return errno == ENOENT ? epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) : -1;
}

/// Writes the ids that have become ready; as epoll_wait(2), of at most 64 at once.
static inline int clusterctl_epoll_wait(int set, uint64_t *ids, int count, int milliseconds) {
    struct epoll_event events[64];
    int found = epoll_wait(set, events, count < 64 ? count : 64, milliseconds);
    for (int index = 0; index < found; index++) ids[index] = events[index].data.u64;
    return found;
}
#endif

/// Lets the kernel notice a dead peer: probes on a silent connection, and a bound on what is not acknowledged.
static inline void clusterctl_keep_alive(int descriptor, int intervalSeconds, int probes) {
    int one = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
#ifdef TCP_KEEPIDLE
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &intervalSeconds, sizeof intervalSeconds);
#elif defined(TCP_KEEPALIVE)
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPALIVE, &intervalSeconds, sizeof intervalSeconds);
#endif
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &intervalSeconds, sizeof intervalSeconds);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
#ifdef TCP_USER_TIMEOUT
    unsigned int milliseconds = (unsigned int)intervalSeconds * 1000u * (unsigned int)probes;
    setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
#endif
}

/// Acknowledges at once what was received: a peer with Nagle's algorithm on otherwise waits for up to 40 ms.
static inline void clusterctl_acknowledge_now(int descriptor) {
#ifdef TCP_QUICKACK
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
#else
    (void)descriptor;
#endif
}

/// Starts a connection to a socket of the local machine; as connect(2), ENAMETOOLONG when the path does not fit.
static inline int clusterctl_connect_local(int descriptor, const char *path) {
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    return connect(descriptor, (const struct sockaddr *)&address, sizeof address);
}

/// The error that a non-blocking connect ended with, 0 for none.
static inline int clusterctl_socket_error(int descriptor) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
}

/// Starts `sh -c command` in a process group of its own, with `io` as its standard input and output and no other
/// descriptors but standard error; 0 on success, else an errno.
static inline int clusterctl_spawn_shell(const char *command, int io, int standard_error, pid_t *id) {
    extern char **environ;
    // Programs do not expect their own ends not to block.
    fcntl(io, F_SETFL, fcntl(io, F_GETFL) & ~O_NONBLOCK);
    fcntl(standard_error, F_SETFL, fcntl(standard_error, F_GETFL) & ~O_NONBLOCK);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, io, 0);
    posix_spawn_file_actions_adddup2(&actions, io, 1);
    posix_spawn_file_actions_adddup2(&actions, standard_error, 2);
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#elif defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
    // The header declares it under _GNU_SOURCE alone.
    extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#endif
#endif
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, flags);
    char *const words[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    int status = posix_spawn(id, "/bin/sh", &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

/// Names the calling thread, for debuggers; Linux keeps 15 characters.
static inline void clusterctl_name_thread(const char *name) {
#ifdef __linux__
    prctl(PR_SET_NAME, name, 0, 0, 0);
#else
    pthread_setname_np(name);
#endif
}

static inline unsigned int clusterctl_channel_window(void) { return LIBSSH2_CHANNEL_WINDOW_DEFAULT; }

/// A prompt of a keyboard-interactive login.
struct clusterctl_prompt {
    const void *text;
    size_t length;
    int echo;
};

/// Reads a prompt as the libssh2 that runs has laid it out: `length` grew in 1.11, under the same name of the library.
static inline struct clusterctl_prompt clusterctl_prompt(const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompt) {
    struct before { char *text; unsigned int length; unsigned char echo; };
    struct since { unsigned char *text; size_t length; unsigned char echo; };
    struct clusterctl_prompt result;
    if (libssh2_version(0x010b00)) {
        const struct since *read = (const void *)prompt;
        result.text = read->text, result.length = read->length, result.echo = read->echo;
    } else {
        const struct before *read = (const void *)prompt;
        result.text = read->text, result.length = read->length, result.echo = read->echo;
    }
    return result;
}

/// Answers a prompt with a copy of `text`, which libssh2 frees; with nothing when there is no memory.
static inline void clusterctl_answer(LIBSSH2_USERAUTH_KBDINT_RESPONSE *response, const char *text) {
    response->text = strdup(text);
    response->length = response->text ? (unsigned int)strlen(text) : 0;
}

/// Writes the system's words for an errno; 0 on success. Takes both kinds of strerror_r.
static inline int clusterctl_error_text(int code, char *text, size_t size) {
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
    const char *words = strerror_r(code, text, size);
    if (words != text) {
        strncpy(text, words, size - 1);
        text[size - 1] = 0;
    }
    return 0;
#else
    return strerror_r(code, text, size);
#endif
}

/// Resolves `host` to stream addresses; `numericOnly` never asks a name server.
static inline int clusterctl_resolve(const char *host, const char *port, int numericOnly, struct addrinfo **result) {
    struct addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (numericOnly ? AI_NUMERICHOST : AI_ADDRCONFIG);
    return getaddrinfo(host, port, &hints, result);
}

/// All threads allocate from one arena, where the C library has several.
static inline void clusterctl_use_one_arena(void) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
#endif
}

#endif
