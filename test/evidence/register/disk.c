// A library loaded into a process before libc (LD_PRELOAD). It records, in order, what the process does with the files of one
// folder, sends to a terminal and prints. On request it fails writes as a full disk does, or kills the process.
//
//   DSC_DISK_FOLDER  the folder
//   DSC_DISK_LOG     the file of the records
//   DSC_DISK_KILL    kill the process before this operation, numbered from 1
//   DSC_DISK_FULL    from this write on every write fails with ENOSPC
//
// A record is a letter (see disk.ts), the length of the path (2 bytes), offset (8), length of the data (4), the path and the
// data, all little-endian. Files whose name ends in -shm are memory that processes share: they need room on the disk as other
// files do, but a crash discards them.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_BYTES 512
#define HEAD_BYTES 15
#define REAL(name) ((__typeof__(&name))real(#name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static long kill_at, full_at, operations, writes;
static int log_file = -1;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

__attribute__((constructor)) static void begin(void) {
  folder = getenv("DSC_DISK_FOLDER");
  const char *path = getenv("DSC_DISK_LOG");
  kill_at = number("DSC_DISK_KILL");
  full_at = number("DSC_DISK_FULL");
  if (folder && path) log_file = REAL(open64)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  // Child processes are not recorded.
  unsetenv("LD_PRELOAD");
}

static int is_inside(const char *path) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static int is_shared_memory(const char *path) {
  size_t size = strlen(path);
  return size > 4 && strcmp(path + size - 4, "-shm") == 0;
}

static int is_watched(const char *path) { return is_inside(path) && !is_shared_memory(path); }

/** Writes the path of an open file to `path`; returns 0 if it has none. */
static int name_of(int file, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, PATH_BYTES - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return 1;
}

/** The letter of a write to that file; 0: not recorded. */
static char kind_of(int file, char *path) {
  if (log_file < 0 || file == log_file) return 0;
  if (file == STDOUT_FILENO) {
    strcpy(path, "stdout");
    return 'P';
  }
  if (!name_of(file, path)) return 0;
  if (strncmp(path, "/dev/pts/", 9) == 0) return 'F';
  if (!is_inside(path)) return 0;
  return is_shared_memory(path) ? 'M' : 'W';
}

static void count(void) {
  if (++operations != kill_at) return;
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void note(char kind, const char *path, int64_t offset, const void *data, uint32_t length) {
  uint16_t size = (uint16_t)strlen(path);
  char head[HEAD_BYTES];
  head[0] = kind;
  memcpy(head + 1, &size, 2);
  memcpy(head + 3, &offset, 8);
  memcpy(head + 11, &length, 4);
  struct iovec parts[] = {{head, HEAD_BYTES}, {(void *)path, size}, {(void *)data, length}};
  REAL(writev)(log_file, parts, 3);
}

static int is_full(char kind) { return (kind == 'W' || kind == 'M') && ++writes >= full_at && full_at > 0; }

static ssize_t written(ssize_t done, char kind, const char *path, int64_t offset, const void *data) {
  int error = errno;
  if (kind && done >= 0) note(kind, path, offset, data, kind == 'M' ? 0 : (uint32_t)done);
  if (kind) pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

/** Returns the kind with the lock held, or 0 without it; -1: the disk is full. */
static int enter(int file, char *path) {
  char kind = kind_of(file, path);
  if (!kind) return 0;
  pthread_mutex_lock(&lock);
  if (kind != 'M') count();
  if (!is_full(kind)) return kind;
  pthread_mutex_unlock(&lock);
  errno = ENOSPC;
  return -1;
}

ssize_t write(int file, const void *data, size_t length) {
  char path[PATH_BYTES];
  int kind = enter(file, path);
  if (kind < 0) return -1;
  int64_t offset = kind == 'W' ? lseek64(file, 0, SEEK_CUR) : 0;
  return written(REAL(write)(file, data, length), (char)kind, path, offset, data);
}

ssize_t writev(int file, const struct iovec *parts, int number) {
  char path[PATH_BYTES];
  int kind = enter(file, path);
  if (kind < 0) return -1;
  // Printing may use several parts; the database never does.
  if (kind == 'W') abort();
  ssize_t done = REAL(writev)(file, parts, number);
  if (!kind) return done;
  return written(done < 0 ? done : (ssize_t)parts[0].iov_len, (char)kind, path, 0, parts[0].iov_base) < 0 ? -1 : done;
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset) {
  char path[PATH_BYTES];
  int kind = enter(file, path);
  if (kind < 0) return -1;
  return written(REAL(pwrite64)(file, data, length, offset), (char)kind, path, offset, data);
}

ssize_t pwrite(int file, const void *data, size_t length, off_t offset) { return pwrite64(file, data, length, offset); }

int ftruncate64(int file, off64_t length) {
  char path[PATH_BYTES];
  if (kind_of(file, path) != 'W') return REAL(ftruncate64)(file, length);
  pthread_mutex_lock(&lock);
  count();
  int done = REAL(ftruncate64)(file, length);
  return (int)written(done, 'T', path, length, "");
}

int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

static int synced(int file, int (*sync)(int)) {
  char path[PATH_BYTES];
  if (log_file < 0 || !name_of(file, path) || !is_watched(path)) return sync(file);
  pthread_mutex_lock(&lock);
  count();
  return (int)written(sync(file), 'S', path, 0, "");
}

int fsync(int file) { return synced(file, REAL(fsync)); }

int fdatasync(int file) { return synced(file, REAL(fdatasync)); }

static int opened(const char *path, int flags, mode_t mode) {
  int (*open_it)(const char *, int, ...) = REAL(open64);
  if (log_file < 0 || !(flags & O_CREAT) || !is_watched(path) || access(path, F_OK) == 0)
    return open_it(path, flags, mode);
  pthread_mutex_lock(&lock);
  count();
  int file = open_it(path, flags, mode);
  return (int)written(file < 0 ? -1 : 0, 'C', path, 0, "") < 0 ? -1 : file;
}

#define MODE(flags)                \
  mode_t mode = 0;                 \
  if (flags & (O_CREAT | O_TMPFILE)) { \
    va_list more;                  \
    va_start(more, flags);         \
    mode = va_arg(more, mode_t);   \
    va_end(more);                  \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE(flags)
  return opened(path, flags, mode);
}

int unlink(const char *path) {
  if (log_file < 0 || !is_watched(path)) return REAL(unlink)(path);
  pthread_mutex_lock(&lock);
  count();
  return (int)written(REAL(unlink)(path), 'U', path, 0, "");
}
