/* doctor_host.c: what /proc tells about a broker on this machine (doctor.h).
 *
 * The listener's socket is found by its port in /proc/net/tcp and tcp6, its process by the link in /proc/PID/fd; both need
 * to be readable, so that without being root only one's own processes are found. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/os.h"
#include "client/cli/doctor.h"

#define TEXT_SIZE_MAX ((size_t)8 << 20)
#define FILES_LEAST 4096
#define STATE_LISTEN 0x0a

/* A file of /proc as text; "" if it cannot be read. */
static const char *read_text(const char *path, struct lt_buf *buf)
{
    buf->size = 0;
    const char *text = lt_os_read_file(path, TEXT_SIZE_MAX, buf) == 0 ? lt_buf_text(buf) : NULL;
    return text == NULL ? "" : text;
}

static uint64_t inode_of_listener(const char *path, int port)
{
    struct lt_buf buf = {0};
    uint64_t inode = 0;
    const char *line = read_text(path, &buf);
    for (; inode == 0 && line != NULL; line = strchr(line, '\n')) {
        unsigned local = 0;
        unsigned state = 0;
        line += *line == '\n';
        if (*line == '\0') {
            break;
        }
        uint64_t number = 0;
        int found =
            sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %" SCNu64,
                   &local, &state, &number);
        if (found == 3 && (int)local == port && state == STATE_LISTEN) {
            inode = number;
        }
    }
    lt_buf_release(&buf);
    return inode;
}

static bool holds(long pid, uint64_t inode)
{
    char path[64], wanted[64], link[64];
    (void)snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
    (void)snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
    DIR *dir = opendir(path);
    bool found = false;
    const struct dirent *entry;
    while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        if (size > 0) {
            link[size] = '\0';
            found = strcmp(link, wanted) == 0;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); /* only read */
    }
    return found;
}

/* The process that listens there; 0: none that we may see. */
static long process_of(int port)
{
    uint64_t inode = inode_of_listener("/proc/net/tcp", port);
    inode = inode != 0 ? inode : inode_of_listener("/proc/net/tcp6", port);
    DIR *dir = inode == 0 ? NULL : opendir("/proc");
    long pid = 0;
    const struct dirent *entry;
    while (dir != NULL && pid == 0 && (entry = readdir(dir)) != NULL) {
        long number = strtol(entry->d_name, NULL, 10);
        pid = number > 0 && holds(number, inode) ? number : 0;
    }
    if (dir != NULL) {
        (void)closedir(dir); /* only read */
    }
    return pid;
}

/* The number behind a name at the beginning of a line; -1: it is not there. */
static long number_behind(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    char *end;
    long number = at == NULL ? 0 : strtol(at + strlen(name), &end, 10);
    return at == NULL || end == at + strlen(name) ? -1 : number;
}

void cli_doctor_host(struct cli_report *report, int port)
{
    char path[64];
    struct lt_buf buf = {0};
    long pid = process_of(port);
    if (pid == 0) {
        cli_report_add(report, CLI_OK, "host", NULL,
                       "not looked at: no process that we may see listens on port %d here", port);
        return;
    }
    (void)snprintf(path, sizeof(path), "/proc/%ld/limits", pid);
    long files = number_behind(read_text(path, &buf), "Max open files");
    cli_report_add(report, files >= 0 && files < FILES_LEAST ? CLI_WARN : CLI_OK, "file limit",
                   files >= 0 && files < FILES_LEAST
                       ? "raise it: LimitNOFILE= in the unit, or ulimit -n"
                       : NULL,
                   files < 0 ? "process %ld has no limit of open files that can be read (%ld)"
                             : "process %ld may open %ld files",
                   pid, files);
    (void)snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    long filter = number_behind(read_text(path, &buf), "Seccomp:");
    cli_report_add(report, CLI_OK, "seccomp", NULL, "process %ld %s", pid,
                   filter > 0 ? "runs under a seccomp filter, which may refuse io_uring"
                              : "runs without a seccomp filter");
    const char *text = read_text("/proc/sys/kernel/io_uring_disabled", &buf);
    cli_report_add(report, CLI_OK, "io_uring", NULL, "%s",
                   *text == '2'
                       ? "switched off by the kernel's io_uring_disabled; leat does not need it"
                   : *text == '1' ? "only for privileged processes (io_uring_disabled=1)"
                                  : "the kernel does not forbid it");
    lt_buf_release(&buf);
}
