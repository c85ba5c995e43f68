/* tunrelay: a long, slow link between two network namespaces, for kernels without sch_netem.
 *
 *   tunrelay NETNS_A NETNS_B DEVICE DELAY_US RATE_BPS QUEUE_BYTES
 *
 * It makes one TUN device called DEVICE in each namespace and carries whole IP packets between
 * them, so that TCP itself (handshake, slow start, acknowledgements) runs end to end over the link.
 * In each direction a packet waits for its turn at RATE_BPS, then for DELAY_US; one that would
 * have to wait behind more than QUEUE_BYTES is dropped, as a full queue does. Prints "ready" once
 * both devices are there. They go when the program ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 65536, AT_ONCE = 64 };

typedef struct packet {
    struct packet *next;
    int64_t due; /* when it comes out at the other end, in ns */
    ssize_t length;
    char data[];
} packet;

typedef struct {
    int in, out;
    packet *head, *tail;
    int64_t busy_until; /* when the last byte accepted so far has been sent, in ns */
} direction;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int fail(const char *what) {
    perror(what);
    exit(1);
}

static int open_tun(const char *netns, const char *name) {
    int place = open(netns, O_RDONLY | O_CLOEXEC);
    if (place < 0 || setns(place, CLONE_NEWNET))
        fail(netns);
    close(place);
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0)
        fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(device, TUNSETIFF, &request))
        fail("TUNSETIFF");
    return device;
}

/* Hand over what has arrived; return when the next packet does, -1 for none on its way. */
static int64_t deliver(direction *line, int64_t time) {
    while (line->head && line->head->due <= time) {
        packet *first = line->head;
        ssize_t written = write(line->out, first->data, first->length);
        if (written < 0 && (errno == EAGAIN || errno == ENOBUFS))
            return time + 100000;
        line->head = first->next;
        free(first);
    }
    return line->head ? line->head->due : -1;
}

static void take(direction *line, int64_t delay, int64_t rate, int64_t queue) {
    static char data[LARGEST];
    for (int count = 0; count < AT_ONCE; count++) {
        ssize_t length = read(line->in, data, sizeof data);
        if (length <= 0)
            return;
        int64_t time = now(), start = line->busy_until > time ? line->busy_until : time;
        if ((double)(start - time) * rate / 8e9 > (double)queue)
            continue;
        line->busy_until = start + (int64_t)((double)length * 8e9 / rate);
        packet *last = malloc(sizeof *last + length);
        if (!last)
            fail("malloc");
        *last = (packet){.due = line->busy_until + delay, .length = length};
        memcpy(last->data, data, length);
        if (line->head)
            line->tail->next = last;
        else
            line->head = last;
        line->tail = last;
    }
}

int main(int count, char **words) {
    if (count != 7) {
        fputs("tunrelay NETNS_A NETNS_B DEVICE DELAY_US RATE_BPS QUEUE_BYTES\n", stderr);
        return 2;
    }
    int64_t delay = atoll(words[4]) * 1000, rate = atoll(words[5]), queue = atoll(words[6]);
    int a = open_tun(words[1], words[3]), b = open_tun(words[2], words[3]);
    direction lines[2] = {{.in = a, .out = b}, {.in = b, .out = a}};
    prctl(PR_SET_PDEATHSIG, 15);         /* no orphan when the benchmark is killed */
    prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0); /* wake within microseconds, not within 50 */
    puts("ready");
    fflush(stdout);
    for (;;) {
        int64_t next = -1;
        for (int i = 0; i < 2; i++) {
            int64_t due = deliver(&lines[i], now());
            if (due >= 0 && (next < 0 || due < next))
                next = due;
        }
        int64_t wait = next < 0 ? 0 : next - now();
        if (wait < 0)
            wait = 0;
        struct timespec pause = {wait / 1000000000, wait % 1000000000};
        struct pollfd ends[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
        if (ppoll(ends, 2, next < 0 ? NULL : &pause, NULL) < 0 && errno != EINTR)
            fail("ppoll");
        for (int i = 0; i < 2; i++)
            take(&lines[i], delay, rate, queue);
    }
}
