/* A relay that holds every byte back for a while: a long line, for kernels without netem.
 *
 *   relay DIRECTORY LISTEN_PORT TARGET_PORT MILLISECONDS
 *
 * For each address in DIRECTORY/hosts.tsv it takes connections at LISTEN_PORT and hands them on to TARGET_PORT. What
 * comes from one side reaches the other MILLISECONDS later, in order, however much it is. The handshake of TCP itself
 * is not delayed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct piece {
    struct piece *next;
    double due;
    size_t size, sent; /* size 0: the end of the stream */
    char bytes[];
} piece;

typedef struct end {
    int descriptor, is_listening, has_ended, is_full;
    struct in_addr address;
    struct end *other, *next;
    piece *first, *last; /* on their way to this end */
} end;

static int poller, target_port;
static double delay;
static end *all;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static end *watch(int descriptor) {
    end *e = calloc(1, sizeof *e);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = e};
    int one = 1;
    e->descriptor = descriptor;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
    e->next = all;
    return all = e;
}

static void want(end *e, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = e};
    epoll_ctl(poller, EPOLL_CTL_MOD, e->descriptor, &event);
}

static void take_connection(end *listener) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(target_port), .sin_addr = listener->address};
    int near = accept4(listener->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (near < 0 || connect(far, (struct sockaddr *)&to, sizeof to)) {
        if (near >= 0) close(near);
        close(far);
        return;
    }
    end *a = watch(near), *b = watch(far);
    a->other = b;
    b->other = a;
}

static void take_bytes(end *e) {
    static char buffer[256 << 10];
    int one = 1;
    ssize_t count = recv(e->descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) count = 0;
    setsockopt(e->descriptor, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
    piece *p = malloc(sizeof *p + count);
    *p = (piece){.due = now() + delay, .size = count};
    memcpy(p->bytes, buffer, count);
    if (e->other->last) e->other->last->next = p; else e->other->first = p;
    e->other->last = p;
    if (count == 0) {
        e->has_ended = 1;
        want(e, 0);
    }
}

/* Hands on what is due; stops where the socket takes no more. */
static void hand_on(end *e) {
    int was_full = e->is_full;
    e->is_full = 0;
    for (piece *p; (p = e->first) && p->due <= now(); ) {
        if (p->size == 0) {
            shutdown(e->descriptor, SHUT_WR);
        } else {
            ssize_t count = send(e->descriptor, p->bytes + p->sent, p->size - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count < 0 && errno == EAGAIN) count = 0;
            p->sent += count < 0 ? p->size - p->sent : (size_t)count;
            if (p->sent < p->size) {
                e->is_full = 1;
                break;
            }
        }
        e->first = p->next;
        if (!e->first) e->last = NULL;
        free(p);
    }
    if (e->is_full != was_full) want(e, (e->has_ended ? 0 : EPOLLIN) | (e->is_full ? EPOLLOUT : 0));
}

static void listen_for_all(const char *path, int port) {
    FILE *file = fopen(path, "r");
    char line[2048], name[64], address[64];
    int one = 1;
    if (!file) { perror(path); exit(2); }
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%63s %63s", name, address) != 2) continue;
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
        inet_pton(AF_INET, address, &at.sin_addr);
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(descriptor, (struct sockaddr *)&at, sizeof at) || listen(descriptor, 512)) { perror(address); exit(2); }
        end *e = watch(descriptor);
        e->is_listening = 1;
        e->address = at.sin_addr;
    }
    fclose(file);
}

static void drop_finished(void) {
    for (end **link = &all; *link; ) {
        end *e = *link;
        int is_done = !e->is_listening && e->has_ended && e->other->has_ended && !e->first && !e->other->first;
        if (!is_done) { link = &e->next; continue; }
        end *other = e->other;
        *link = e->next;
        for (end **of = &all; *of; of = &(*of)->next)
            if (*of == other) { *of = other->next; break; }
        close(e->descriptor);
        close(other->descriptor);
        free(e);
        free(other);
        link = &all;
    }
}

int main(int count, char **arguments) {
    if (count != 5) { fprintf(stderr, "usage: relay DIRECTORY LISTEN_PORT TARGET_PORT MILLISECONDS\n"); return 2; }
    char path[1024];
    snprintf(path, sizeof path, "%s/hosts.tsv", arguments[1]);
    target_port = atoi(arguments[3]);
    delay = atof(arguments[4]) / 1e3;
    poller = epoll_create1(EPOLL_CLOEXEC);
    listen_for_all(path, atoi(arguments[2]));
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        double soonest = now() + 60;
        for (end *e = all; e; e = e->next)
            if (e->first && !e->is_full && e->first->due < soonest) soonest = e->first->due;
        double left = (soonest - now()) * 1e3;
        int ready = epoll_wait(poller, events, 64, left <= 0 ? 0 : (int)left + 1);
        for (int i = 0; i < ready; i++) {
            end *e = events[i].data.ptr;
            if (e->is_listening) take_connection(e);
            else if (!e->has_ended && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take_bytes(e);
        }
        for (end *e = all; e; e = e->next)
            if (e->first) hand_on(e);
        drop_finished();
    }
}
