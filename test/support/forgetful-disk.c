/*
 * A disk that forgets what was not synced, for programs that are started with this in LD_PRELOAD.
 *
 * Everything below FORGETFUL_BELOW is done as usual and written down in FORGETFUL_STORE, which is on the same file
 * system: what was done to which file or directory, what was there before, and what was synced. forgetful-disk.ts then
 * undoes what no sync has followed: fsync of a file keeps its bytes and times, fsync of a directory keeps its entries,
 * syncfs and sync keep all. POSIX lets a disk lose any part of the rest; this one loses all of it, or all but the
 * entries, as file systems do that write names before bytes. With FORGETFUL_END the process is killed (SIGKILL) before
 * the change of that number. What goes through stdio or mmap is not seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

static atomic_uint changes;
/* The file whose bytes were kept last; what it becomes until the next sync is lost with them. */
static ino_t last_changed;

/* One record: fields between 0x1f, 0x1e at its end; several processes append to one file. */
static void record(const char *kind, const struct stat *subject, const struct stat *directory, const char *path,
                   const char *other, const char *kept) {
  static int file = -1;
  char line[3 * PATH_MAX], name[PATH_MAX];
  const struct stat nothing = {0};
  if (subject == NULL) subject = &nothing;
  if (directory == NULL) directory = &nothing;
  if (file == -1) {
    snprintf(name, sizeof name, "%s/journal", getenv("FORGETFUL_STORE"));
    file = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  }
  int length = snprintf(line, sizeof line, "%s\x1f%lu:%lu\x1f%lu:%lu\x1f%s\x1f%s\x1f%s\x1e", kind, subject->st_dev,
                        subject->st_ino, directory->st_dev, directory->st_ino, path, other, kept);
  if (length < 0 || syscall(SYS_write, file, line, length) != length) abort();
}

static void change(void) {
  const char *end = getenv("FORGETFUL_END");
  if (atomic_fetch_add(&changes, 1) + 1 == (end == NULL ? 0 : strtoul(end, NULL, 10))) kill(getpid(), SIGKILL);
}

static int watched(const char *path) {
  const char *below = getenv("FORGETFUL_BELOW");
  return below != NULL && strncmp(path, below, strlen(below)) == 0;
}

/* The absolute path of a name, which need not exist. */
static int where(int directory, const char *name, char *path) {
  int saved = errno;
  char link[64];
  ssize_t length = 0;
  if (name[0] != '/') {
    if (directory == AT_FDCWD) strcpy(link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    length = readlink(link, path, PATH_MAX - 1);
    if (length < 0 || length + strlen(name) + 2 > PATH_MAX) { errno = saved; return 0; }
    path[length++] = '/';
  }
  strcpy(path + length, name);
  errno = saved;
  return watched(path);
}

static int file_at(int fd, char *path, struct stat *status) {
  int saved = errno;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length > 0) path[length] = 0;
  int found = length > 0 && watched(path) && fstat(fd, status) == 0;
  errno = saved;
  return found;
}

static void parent(const char *path, struct stat *status) {
  char folder[PATH_MAX];
  strcpy(folder, path);
  *strrchr(folder, '/') = 0;
  if (stat(folder, status) != 0) memset(status, 0, sizeof *status);
}

static void entry(const char *kind, const char *path, const char *other, const char *kept) {
  struct stat subject, directory;
  const char *there = *other ? other : path;
  if (lstat(there, &subject) != 0) memset(&subject, 0, sizeof subject);
  parent(there, &directory);
  record(kind, &subject, &directory, path, other, kept);
}

static void kept_name(char *kept) {
  static atomic_uint number;
  snprintf(kept, PATH_MAX, "%s/%d-%u", getenv("FORGETFUL_STORE"), getpid(), atomic_fetch_add(&number, 1));
}

/* Keeps what has this name, under another. */
static void keep(const char *path, char *kept) {
  struct stat status;
  kept[0] = 0;
  if (lstat(path, &status) != 0 || S_ISDIR(status.st_mode)) return;
  kept_name(kept);
  if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0) != 0) abort();
}

/* Keeps the bytes as they are before they change. */
static void content(const char *path, const struct stat *status) {
  char kept[PATH_MAX] = "", bytes[65536];
  ssize_t length;
  if (!S_ISREG(status->st_mode) || status->st_ino == last_changed) return;
  last_changed = status->st_ino;
  if (status->st_size > 0) {
    kept_name(kept);
    int from = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    int to = (int)syscall(SYS_openat, AT_FDCWD, kept, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) abort();
    while ((length = syscall(SYS_read, from, bytes, sizeof bytes)) > 0)
      if (syscall(SYS_write, to, bytes, length) != length) abort();
    syscall(SYS_close, from);
    syscall(SYS_close, to);
  }
  record("content", status, NULL, path, "", kept);
}

static void changing(int fd) {
  char path[PATH_MAX];
  struct stat status;
  int saved = errno;
  if (file_at(fd, path, &status)) { change(); content(path, &status); }
  errno = saved;
}

static void timing(const char *path, const struct stat *status) {
  char before[64];
  snprintf(before, sizeof before, "%ld.%09ld", status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
  change();
  record("time", status, NULL, path, before, "");
}

static int opened(int directory, const char *name, int flags, mode_t mode) {
  char path[PATH_MAX];
  struct stat status;
  int writes = (flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE && where(directory, name, path);
  int is_new = 0, saved = errno;
  if (writes) {
    is_new = stat(path, &status) != 0;
    change();
    if (!is_new && (flags & O_TRUNC)) content(path, &status);
    errno = saved;
  }
  int fd = (int)syscall(SYS_openat, directory, name, flags, mode);
  saved = errno;
  if (writes && is_new && fd >= 0) entry("create", path, "", "");
  errno = saved;
  return fd;
}

#define OPEN(name, ...)                                        \
  int name(__VA_ARGS__, int flags, ...) {                      \
    va_list more;                                              \
    va_start(more, flags);                                     \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0; \
    va_end(more);                                              \
    return opened(FROM, path, flags, mode);                    \
  }
#define FROM AT_FDCWD
OPEN(open, const char *path)
OPEN(open64, const char *path)
#undef FROM
#define FROM directory
OPEN(openat, int directory, const char *path)
OPEN(openat64, int directory, const char *path)
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

ssize_t write(int fd, const void *bytes, size_t length) { changing(fd); return REAL(write)(fd, bytes, length); }
ssize_t writev(int fd, const struct iovec *parts, int count) { changing(fd); return REAL(writev)(fd, parts, count); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  changing(fd);
  return REAL(pwrite)(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  changing(fd);
  return REAL(pwrite64)(fd, bytes, length, at);
}
int ftruncate(int fd, off_t length) { changing(fd); return REAL(ftruncate)(fd, length); }
int ftruncate64(int fd, off64_t length) { changing(fd); return REAL(ftruncate64)(fd, length); }

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
  char before[PATH_MAX], after[PATH_MAX], kept[PATH_MAX] = "";
  int is_watched = where(from, old, before) | where(to, new, after);
  if (is_watched) { change(); keep(after, kept); }
  int result = (int)syscall(SYS_renameat2, from, old, to, new, flags), saved = errno;
  if (is_watched && result == 0) entry("rename", before, after, kept);
  errno = saved;
  return result;
}
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
  char path[PATH_MAX];
  int is_watched = where(to, new, path);
  if (is_watched) change();
  int result = (int)syscall(SYS_linkat, from, old, to, new, flags), saved = errno;
  if (is_watched && result == 0) entry("create", path, "", "");
  errno = saved;
  return result;
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int directory, const char *name, int flags) {
  char path[PATH_MAX], kept[PATH_MAX] = "";
  int is_watched = where(directory, name, path);
  if (is_watched) { change(); keep(path, kept); }
  int result = (int)syscall(SYS_unlinkat, directory, name, flags), saved = errno;
  if (is_watched && result == 0) entry("remove", path, "", kept);
  errno = saved;
  return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  int result = unlink(path);
  return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

int mkdirat(int directory, const char *name, mode_t mode) {
  char path[PATH_MAX];
  int is_watched = where(directory, name, path);
  if (is_watched) change();
  int result = (int)syscall(SYS_mkdirat, directory, name, mode), saved = errno;
  if (is_watched && result == 0) entry("create", path, "", "");
  errno = saved;
  return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int utimensat(int directory, const char *name, const struct timespec times[2], int flags) {
  char path[PATH_MAX];
  struct stat status;
  int saved = errno;
  if (where(directory, name, path) && stat(path, &status) == 0) timing(path, &status);
  errno = saved;
  return (int)syscall(SYS_utimensat, directory, name, times, flags);
}
int futimens(int fd, const struct timespec times[2]) {
  char path[PATH_MAX];
  struct stat status;
  int saved = errno;
  if (file_at(fd, path, &status)) timing(path, &status);
  errno = saved;
  return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}
int utimes(const char *path, const struct timeval times[2]) {
  if (times == NULL) return utimensat(AT_FDCWD, path, NULL, 0);
  struct timespec exact[2] = {{times[0].tv_sec, times[0].tv_usec * 1000}, {times[1].tv_sec, times[1].tv_usec * 1000}};
  return utimensat(AT_FDCWD, path, exact, 0);
}
int utime(const char *path, const struct utimbuf *times) {
  if (times == NULL) return utimensat(AT_FDCWD, path, NULL, 0);
  struct timespec exact[2] = {{times->actime, 0}, {times->modtime, 0}};
  return utimensat(AT_FDCWD, path, exact, 0);
}

static int synced(const char *kind, int fd, int result) {
  struct stat status;
  int saved = errno;
  if (result == 0 && getenv("FORGETFUL_BELOW") != NULL && fstat(fd, &status) == 0) {
    last_changed = 0;
    record(kind, &status, NULL, "", "", "");
  }
  errno = saved;
  return result;
}
int fsync(int fd) { return synced("fsync", fd, REAL(fsync)(fd)); }
int fdatasync(int fd) { return synced("fdatasync", fd, REAL(fdatasync)(fd)); }
int syncfs(int fd) { return synced("syncfs", fd, REAL(syncfs)(fd)); }
void sync(void) {
  REAL(sync)();
  last_changed = 0;
  if (getenv("FORGETFUL_BELOW") != NULL) record("sync", NULL, NULL, "", "", "");
}
