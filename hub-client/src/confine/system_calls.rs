//! Seccomp: which system calls a process may make.
//!
//! *Why a list of what is allowed?* A list of what is forbidden misses what nobody thought of: calls
//! that a newer kernel adds, the same calls under the numbers of another calling convention, and
//! `io_uring`, which opens sockets without the call of that name. Running a graph needs few calls:
//! reading, memory, threads, waiting. Everything else fails with `ENOSYS`, as on a kernel that does
//! not know the call; libraries then fall back to what is allowed.
//!
//! What is left out on purpose, so that a process that was taken over reaches nothing: sockets of
//! every kind; `execve` and all forks (a `clone` must make a thread); `ptrace`, reading and writing
//! the memory of others, `pidfd`; signals to others; every call that changes a file, its owner or
//! its mode; opening with any flag that writes or creates; shared memory, which `RLIMIT_DATA` would
//! not count; raising limits; `bpf`, `userfaultfd`, `perf_event_open`, `io_uring`, keyrings, modules,
//! namespaces and mounts, from which kernels were taken over before.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::Guard;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

pub(super) fn confine() -> Guard {
    let applied = filter()
        .map_err(|error| error.to_string())
        .and_then(|filter| {
            seccompiler::apply_filter_all_threads(&filter).map_err(|error| error.to_string())
        });
    match applied {
        Ok(()) => Guard::Holds("seccomp".to_owned()),
        Err(reason) => Guard::Missing(format!("seccomp failed: {reason}")),
    }
}

fn filter() -> Result<BpfProgram, BackendError> {
    let mut rules: Rules = ALWAYS.iter().map(|&call| (call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.extend(ALWAYS_ON_X86_64.iter().map(|&call| (call, Vec::new())));
    rules.extend(conditional()?);
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    // `ENOSYS` as a number of a kernel's answer is small and positive.
    let refuse = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)?.try_into()
}

/// Calls that reach nothing beyond this process and the files Landlock lets it open.
const ALWAYS: [i64; 51] = [
    // reading what is open, and the pipes to the parent
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_fadvise64,
    libc::SYS_readahead,
    libc::SYS_ppoll,
    // memory
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_membarrier,
    // threads and waiting
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // who and where am I
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    // the end
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The same under older names, and the registers' own settings.
#[cfg(target_arch = "x86_64")]
const ALWAYS_ON_X86_64: [i64; 8] = [
    libc::SYS_arch_prctl,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_poll,
    libc::SYS_time,
    libc::SYS_getrlimit,
];

/// Calls that are harmless with some arguments only.
fn conditional() -> Result<Rules, BackendError> {
    let own = u64::from(std::process::id());
    let writes = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | TEMPORARY_FILE;
    let rules = [
        (libc::SYS_openat, vec![vec![none_of(2, writes)?]]),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, vec![vec![none_of(1, writes)?]]),
        // Private memory only: what is shared is not counted by the limit.
        (
            libc::SYS_mmap,
            vec![vec![masked(3, libc::MAP_TYPE, libc::MAP_PRIVATE)?]],
        ),
        // A thread of this process, and never a process of its own or a namespace.
        (
            libc::SYS_clone,
            vec![vec![masked(
                0,
                libc::CLONE_THREAD | NEW_NAMESPACES,
                libc::CLONE_THREAD,
            )?]],
        ),
        // `abort` signals its own thread.
        (libc::SYS_tgkill, vec![vec![equal(0, own)?]]),
        // To ask for a limit, not to set one.
        (libc::SYS_prlimit64, vec![vec![equal(0, 0)?, is_null(2)?]]),
        // The features of each core are found by visiting it.
        (libc::SYS_sched_setaffinity, vec![vec![equal(0, 0)?]]),
        (libc::SYS_prctl, vec![vec![equal(0, PR_SET_NAME)?]]),
        (
            libc::SYS_fcntl,
            [
                libc::F_GETFD,
                libc::F_SETFD,
                libc::F_GETFL,
                libc::F_SETFL,
                libc::F_DUPFD_CLOEXEC,
            ]
            .into_iter()
            .map(|command| Ok(vec![equal(1, u64::from(command.unsigned_abs()))?]))
            .collect::<Result<_, BackendError>>()?,
        ),
    ];
    let compile = |(call, alternatives): (i64, Vec<Vec<SeccompCondition>>)| {
        let rules = alternatives.into_iter().map(SeccompRule::new);
        Ok((call, rules.collect::<Result<_, BackendError>>()?))
    };
    rules.into_iter().map(compile).collect()
}

/// `O_TMPFILE` without the flag for folders that is part of it.
const TEMPORARY_FILE: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

const NEW_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

const PR_SET_NAME: u64 = libc::PR_SET_NAME.unsigned_abs() as u64;

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn is_null(argument: u8) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

fn none_of(argument: u8, flags: i32) -> Result<SeccompCondition, BackendError> {
    masked(argument, flags, 0)
}

fn masked(argument: u8, mask: i32, value: i32) -> Result<SeccompCondition, BackendError> {
    let bits = |flags: i32| u64::from(flags.cast_unsigned());
    let operator = SeccompCmpOp::MaskedEq(bits(mask));
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, bits(value))
}
