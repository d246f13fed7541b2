/* A disk that forgets what was not synced, under a process that knows nothing of it (LD_PRELOAD, Linux).
 *
 * Every change to a file below POWER_CUT_UNDER is carried out and journalled with what was there before. fsync and
 * fdatasync of a file end its journal; fsync of the folder ends the journal of its names (files made, removed, renamed).
 * At the change with the number POWER_CUT_AT (from 1) the power is cut: nothing else of the process goes on, what is in
 * the journals is taken back, and the process is killed with SIGKILL.
 *
 * POWER_CUT_SEED 0 takes everything back. Any other seed lets a part of it reach the disk, as a real disk may: each write
 * whole, torn at a sector of 512 bytes, or not at all, in no order (writes to one file are not ordered before a sync);
 * names in the order they were made, up to some point.
 *
 * POWER_CUT_COUNTED names a file that gets one letter for each change when the process ends by itself: w write,
 * t truncate, s sync, d sync of the folder, n name made, removed or changed.
 *
 * Files whose name ends in -shm are left alone: they are the index of the write-ahead log in shared memory, changed
 * through a mapping that no call shows, never synced, and thrown away and made anew from the log by whoever opens the
 * database first (https://www.sqlite.org/walformat.html, "The WAL-Index File Format"). A writable mapping of any other
 * file would pass this layer unseen; it ends the process instead.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512
#define MOST_FILES 256

/* A change to a file since its last sync. */
struct change {
    struct change *before;
    int is_truncation;
    off_t at;            /* where; for a truncation the new size */
    off_t size_before;   /* of the file */
    size_t length;       /* of what was written */
    size_t kept_length;  /* of what was there, from `at` on */
    unsigned char *kept; /* what was there */
    unsigned char *written;
};

struct file {
    dev_t device;
    ino_t inode;
    int own; /* a descriptor of ours, so that the file can be mended under any name */
    struct change *last;
};

/* A name made, removed or changed since the folder's last sync. */
struct name {
    struct name *before;
    enum { MADE, REMOVED, RENAMED } what;
    char path[1024];
    char to[1024];
    char kept[1024]; /* a further name of the file that stood at `path` (REMOVED) or at `to` (RENAMED); empty if none */
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char under[768];
static size_t under_length;
static unsigned long cut_at, passed, kept_names;
static uint64_t seed;
static struct file files[MOST_FILES];
static int file_count;
static struct name *last_name;
static char *counted;
static size_t counted_room;

static void give_up(const char *words) {
    syscall(SYS_write, 2, words, strlen(words));
    abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("POWER_CUT_UNDER");
    if (!text || !*text) return;
    if (strlen(text) >= sizeof under) give_up("power_cut: the folder's path is too long\n");
    strcpy(under, text);
    under_length = strlen(under);
    if ((text = getenv("POWER_CUT_AT"))) cut_at = strtoul(text, NULL, 10);
    if ((text = getenv("POWER_CUT_SEED"))) seed = strtoull(text, NULL, 10);
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("POWER_CUT_COUNTED");
    if (!under_length || !path) return;
    int file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || syscall(SYS_write, file, counted, passed) != (long)passed) give_up("power_cut: cannot count\n");
}

/* splitmix64 */
static uint64_t draw(void) {
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int is_ours(const char *path) {
    size_t length = strlen(path);
    if (!under_length || strncmp(path, under, under_length) != 0 || path[under_length] != '/') return 0;
    return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static struct file *known(int descriptor) {
    struct stat found;
    if (!under_length || fstat(descriptor, &found) != 0) return NULL;
    for (int i = 0; i < file_count; i++)
        if (files[i].inode == found.st_ino && files[i].device == found.st_dev) return &files[i];
    return NULL;
}

static int is_the_folder(int descriptor) {
    struct stat found, folder;
    return under_length && fstat(descriptor, &found) == 0 && S_ISDIR(found.st_mode) && stat(under, &folder) == 0 &&
           folder.st_ino == found.st_ino && folder.st_dev == found.st_dev;
}

static void must(int is_so) {
    if (!is_so) give_up("power_cut: the disk could not be put back\n");
}

static void write_all(int file, const unsigned char *bytes, size_t length, off_t at) {
    while (length > 0) {
        long done = syscall(SYS_pwrite64, file, bytes, length, at);
        must(done > 0);
        bytes += done, length -= done, at += done;
    }
}

/* The file as it was at its last sync, and then whatever the seed lets reach the disk of what came after. */
static void take_back(struct file *file) {
    size_t count = 0;
    for (struct change *change = file->last; change; change = change->before) count++;
    struct change **in_order = calloc(count + 1, sizeof *in_order);
    size_t at = count;
    for (struct change *change = file->last; change; change = change->before) {
        in_order[--at] = change;
        if (change->is_truncation) must(syscall(SYS_ftruncate, file->own, change->size_before) == 0);
        write_all(file->own, change->kept, change->kept_length, change->at);
        must(syscall(SYS_ftruncate, file->own, change->size_before) == 0);
    }
    for (at = 0; seed && at < count; at++) {
        struct change *change = in_order[at];
        uint64_t fate = draw() % 4;
        if (fate == 0) continue;
        if (change->is_truncation) {
            must(syscall(SYS_ftruncate, file->own, change->at) == 0);
            continue;
        }
        size_t length = change->length;
        /* Torn: up to a boundary of sectors on the disk. */
        if (fate == 1) {
            uint64_t start = change->at, boundary = (start + draw() % length) / SECTOR * SECTOR;
            length = boundary > start ? boundary - start : 0;
        }
        write_all(file->own, change->written, length, change->at);
    }
}

static void take_names_back(void) {
    size_t count = 0, lost;
    for (struct name *name = last_name; name; name = name->before) count++;
    lost = seed ? draw() % (count + 1) : count;
    for (struct name *name = last_name; name && lost > 0; name = name->before, lost--) {
        switch (name->what) {
        case MADE: syscall(SYS_unlinkat, AT_FDCWD, name->path, 0); break;
        case REMOVED:
            if (*name->kept) must(syscall(SYS_linkat, AT_FDCWD, name->kept, AT_FDCWD, name->path, 0) == 0);
            break;
        case RENAMED:
            must(syscall(SYS_renameat2, AT_FDCWD, name->to, AT_FDCWD, name->path, 0) == 0);
            if (*name->kept) must(syscall(SYS_linkat, AT_FDCWD, name->kept, AT_FDCWD, name->to, 0) == 0);
            break;
        }
    }
}

/* Counts a change; cuts the power where it is its turn. Called with the turn, which is then never given back. */
static void pass(char kind) {
    if (passed + 1 >= counted_room) {
        counted_room = counted_room ? counted_room * 2 : 4096;
        counted = realloc(counted, counted_room);
    }
    counted[passed++] = kind;
    if (passed != cut_at) return;
    for (int i = 0; i < file_count; i++) take_back(&files[i]);
    take_names_back();
    for (;;) syscall(SYS_kill, getpid(), SIGKILL);
}

static void remember(struct file *file, int is_truncation, off_t at, const unsigned char *bytes, size_t length,
                     off_t size_before) {
    struct change *change = calloc(1, sizeof *change);
    change->is_truncation = is_truncation;
    change->at = at;
    change->length = length;
    change->size_before = size_before;
    off_t until = is_truncation ? size_before : at + (off_t)length;
    if (until > size_before) until = size_before;
    if (until > at) {
        change->kept_length = until - at;
        change->kept = malloc(change->kept_length);
        size_t have = 0;
        while (have < change->kept_length) {
            long got = syscall(SYS_pread64, file->own, change->kept + have, change->kept_length - have, at + have);
            must(got > 0);
            have += got;
        }
    }
    if (length) {
        change->written = malloc(length);
        memcpy(change->written, bytes, length);
    }
    change->before = file->last;
    file->last = change;
}

static void forget(struct file *file) {
    while (file->last) {
        struct change *change = file->last;
        file->last = change->before;
        free(change->kept), free(change->written), free(change);
    }
}

static off_t size_of(struct file *file) {
    struct stat found;
    must(fstat(file->own, &found) == 0);
    return found.st_size;
}

static void name_changed(int what, const char *path, const char *to, const char *kept) {
    struct name *name = calloc(1, sizeof *name);
    name->what = what;
    snprintf(name->path, sizeof name->path, "%s", path);
    snprintf(name->to, sizeof name->to, "%s", to);
    snprintf(name->kept, sizeof name->kept, "%s", kept);
    name->before = last_name;
    last_name = name;
}

/* A further name, beside the folder, for the file at this path. */
static void keep(const char *path, char *kept, size_t room) {
    snprintf(kept, room, "%s.kept-%lu", under, ++kept_names);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0) != 0) *kept = '\0';
}

static int open_it(int folder, const char *path, int flags, mode_t mode) {
    if ((folder != AT_FDCWD && path[0] != '/') || !is_ours(path)) return syscall(SYS_openat, folder, path, flags, mode);
    pthread_mutex_lock(&turn);
    int is_new = access(path, F_OK) != 0;
    if (is_new && (flags & O_CREAT)) pass('n');
    int descriptor = syscall(SYS_openat, folder, path, flags & ~O_TRUNC, mode);
    int error = errno;
    struct stat found;
    if (descriptor >= 0 && fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode)) {
        struct file *file = known(descriptor);
        if (!file) {
            if (file_count == MOST_FILES) give_up("power_cut: too many files\n");
            file = &files[file_count++];
            *file = (struct file){found.st_dev, found.st_ino, -1, NULL};
            file->own = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
            if (file->own < 0) give_up("power_cut: a file cannot be opened a second time\n");
        }
        if (is_new) name_changed(MADE, path, "", "");
        if ((flags & O_TRUNC) && found.st_size > 0) {
            pass('t');
            remember(file, 1, 0, NULL, 0, found.st_size);
            must(syscall(SYS_ftruncate, file->own, 0) == 0);
        }
    }
    pthread_mutex_unlock(&turn);
    errno = error;
    return descriptor;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;                                      \
        va_end(more);                                                                                                  \
        return open_it(AT_FDCWD, path, flags, mode);                                                                   \
    }
#define OPENAT(name)                                                                                                   \
    int name(int folder, const char *path, int flags, ...) {                                                           \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;                                      \
        va_end(more);                                                                                                  \
        return open_it(folder, path, flags, mode);                                                                     \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode) { return open_it(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static ssize_t write_at(int descriptor, struct file *file, const void *bytes, size_t length, off_t at) {
    pass('w');
    off_t size_before = size_of(file);
    remember(file, 0, at, bytes, length, size_before);
    ssize_t done = syscall(SYS_pwrite64, descriptor, bytes, length, at);
    int error = errno;
    if (done != (ssize_t)length) {
        struct change *change = file->last;
        if (done <= 0) {
            file->last = change->before;
        } else {
            change->length = done;
            if (change->kept_length > (size_t)done) change->kept_length = done;
        }
    }
    errno = error;
    return done;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t at) {
    pthread_mutex_lock(&turn);
    struct file *file = known(descriptor);
    ssize_t done = file && length ? write_at(descriptor, file, bytes, length, at)
                                  : syscall(SYS_pwrite64, descriptor, bytes, length, at);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t at) {
    return pwrite64(descriptor, bytes, length, at);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    pthread_mutex_lock(&turn);
    struct file *file = known(descriptor);
    ssize_t done;
    if (!file || !length) {
        pthread_mutex_unlock(&turn);
        /* A pipe may block; nobody else waits for that. */
        return syscall(SYS_write, descriptor, bytes, length);
    }
    off_t at = (fcntl(descriptor, F_GETFL) & O_APPEND) ? size_of(file) : lseek(descriptor, 0, SEEK_CUR);
    done = write_at(descriptor, file, bytes, length, at);
    if (done > 0) lseek(descriptor, at + done, SEEK_SET);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    pthread_mutex_lock(&turn);
    int is_known = known(descriptor) != NULL;
    pthread_mutex_unlock(&turn);
    if (!is_known) return syscall(SYS_writev, descriptor, parts, count);
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write(descriptor, parts[i].iov_base, parts[i].iov_len);
        if (done < 0) return sum ? sum : done;
        sum += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return sum;
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t at) {
    pthread_mutex_lock(&turn);
    if (known(descriptor)) give_up("power_cut: pwritev is not journalled\n");
    pthread_mutex_unlock(&turn);
    return syscall(SYS_pwritev, descriptor, parts, count, at, 0);
}

int ftruncate64(int descriptor, off64_t size) {
    pthread_mutex_lock(&turn);
    struct file *file = known(descriptor);
    if (file) {
        pass('t');
        /* Growing changes no byte that was there; shrinking loses those behind the new end. */
        remember(file, 1, size, NULL, 0, size_of(file));
    }
    int done = syscall(SYS_ftruncate, descriptor, size);
    pthread_mutex_unlock(&turn);
    return done;
}

int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }

static int sync_it(long call, int descriptor) {
    pthread_mutex_lock(&turn);
    struct file *file = known(descriptor);
    int is_folder = !file && is_the_folder(descriptor);
    if (file) pass('s');
    if (is_folder) pass('d');
    int done = syscall(call, descriptor);
    if (done == 0 && file) forget(file);
    while (done == 0 && is_folder && last_name) {
        struct name *name = last_name;
        last_name = name->before;
        if (*name->kept) syscall(SYS_unlinkat, AT_FDCWD, name->kept, 0);
        free(name);
    }
    pthread_mutex_unlock(&turn);
    return done;
}

int fsync(int descriptor) { return sync_it(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return sync_it(SYS_fdatasync, descriptor); }

static int remove_it(int folder, const char *path, int flags) {
    if ((folder != AT_FDCWD && path[0] != '/') || !is_ours(path) || (flags & AT_REMOVEDIR) || access(path, F_OK) != 0)
        return syscall(SYS_unlinkat, folder, path, flags);
    pthread_mutex_lock(&turn);
    pass('n');
    char kept[1024];
    keep(path, kept, sizeof kept);
    int done = syscall(SYS_unlinkat, folder, path, flags);
    if (done == 0) name_changed(REMOVED, path, "", kept);
    pthread_mutex_unlock(&turn);
    return done;
}

int unlink(const char *path) { return remove_it(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return remove_it(folder, path, flags); }

int rename(const char *from, const char *to) {
    if (!is_ours(from) && !is_ours(to)) return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    pthread_mutex_lock(&turn);
    pass('n');
    char kept[1024] = "";
    if (access(to, F_OK) == 0) keep(to, kept, sizeof kept);
    int done = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (done == 0) name_changed(RENAMED, from, to, kept);
    pthread_mutex_unlock(&turn);
    return done;
}

static void *map_it(void *address, size_t length, int protection, int flags, int descriptor, off_t at) {
    if (descriptor >= 0 && (protection & PROT_WRITE) && (flags & MAP_TYPE) != MAP_PRIVATE) {
        pthread_mutex_lock(&turn);
        if (known(descriptor)) give_up("power_cut: a file is written through a mapping, which is not journalled\n");
        pthread_mutex_unlock(&turn);
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, at);
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t at) {
    return map_it(address, length, protection, flags, descriptor, at);
}
void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off64_t at) {
    return map_it(address, length, protection, flags, descriptor, at);
}

int posix_fallocate(int descriptor, off_t at, off_t length) {
    pthread_mutex_lock(&turn);
    if (known(descriptor)) give_up("power_cut: posix_fallocate is not journalled\n");
    pthread_mutex_unlock(&turn);
    return syscall(SYS_fallocate, descriptor, 0, at, length) == 0 ? 0 : errno;
}
