//! The process at the other end of the pipes: started, listened to, and ended in time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, channel, sync_channel,
};
use std::time::{Duration, Instant};

use super::error::{WorkerError, is_out_of_memory, printable};
use super::wire::{ANSWER_BYTES, Answer, Request};
use crate::confine::Limits;
use crate::runtime::library::PATH_VARIABLE;

/// The one argument of a worker.
pub(super) const ARGUMENT: &str = "--worker-of-this-program";

/// What a worker inherits of the environment. Not the token, which stands there, too.
const INHERITED: [&str; 4] = [
    PATH_VARIABLE,
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
];

/// ONNX Runtime 1.32 keeps a database of events and tries to send it to its maker, from before a
/// program can tell it not to. A confined process could do neither; this way it does not try.
const NO_TELEMETRY: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// How often the flag that stops a run is looked at.
const TICK: Duration = Duration::from_millis(50);

/// Time for a process that has closed its pipes to be gone.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Answers that wait for a slow receiver; then the worker waits.
const ANSWERS: usize = 64;

/// Bytes kept of what a worker says on standard error: the last ones.
const SAID_BYTES: usize = 4096;

/// This program, also when its file was replaced meanwhile.
pub(super) fn this_program() -> Result<PathBuf, WorkerError> {
    let running = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().map_err(WorkerError::Start)
}

/// A worker at work. Dropped, it is killed: nothing of it outlives its user.
pub(super) struct Running {
    child: Child,
    /// Whether its number may be another one's by now.
    is_waited_for: bool,
    answers: Receiver<Result<Answer, WorkerError>>,
    said: Receiver<String>,
    /// When it must be done, and how many seconds that was.
    deadline: Option<(Instant, u64)>,
    stops: Vec<Arc<AtomicBool>>,
}

impl Running {
    pub(super) fn start(
        program: &Path,
        time: Option<Duration>,
        stops: &[Arc<AtomicBool>],
    ) -> Result<Self, WorkerError> {
        let mut command = Command::new(program);
        command
            .arg(ARGUMENT)
            .env_clear()
            .env(NO_TELEMETRY.0, NO_TELEMETRY.1)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let kept = |name: &str| Some((name.to_owned(), std::env::var_os(name)?));
        command.envs(INHERITED.into_iter().filter_map(kept));
        // In a group of its own, Ctrl-C at the terminal does not reach it: whoever started it decides.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(WorkerError::Start)?;
        let (sender, answers) = sync_channel(ANSWERS);
        if let Some(pipe) = child.stdout.take() {
            std::thread::spawn(move || read_answers(pipe, &sender));
        }
        let (sender, said) = channel();
        if let Some(pipe) = child.stderr.take() {
            // Nobody listens when this fails.
            std::thread::spawn(move || drop(sender.send(read_last(pipe))));
        }
        let mut running = Self {
            child,
            is_waited_for: false,
            answers,
            said,
            deadline: None,
            stops: stops.to_vec(),
        };
        running.give_time(time);
        Ok(running)
    }

    /// Sends the request; what may follow it goes through the pipe that comes back.
    pub(super) fn send(&mut self, request: &Request) -> Result<Option<ChildStdin>, WorkerError> {
        let Some(mut pipe) = self.child.stdin.take() else {
            return Ok(None);
        };
        let mut line =
            serde_json::to_vec(request).map_err(|error| WorkerError::Send(error.into()))?;
        line.push(b'\n');
        match pipe.write_all(&line) {
            Ok(()) => Ok(Some(pipe)),
            // It has ended already; how, `next` will tell.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
            Err(error) => Err(WorkerError::Send(error)),
        }
    }

    /// From now on it must be done within `time`; for ever when there is none.
    pub(super) fn give_time(&mut self, time: Option<Duration>) {
        // A time past the end of all clocks is no bound.
        self.deadline =
            time.and_then(|time| Some((Instant::now().checked_add(time)?, time.as_secs())));
    }

    /// Whether it lives and has nothing to say.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.answers.try_recv(), Err(TryRecvError::Empty))
    }

    /// The next answer; waits for it.
    ///
    /// # Errors
    /// [`WorkerError`] when the process ends before its last answer, or is ended here.
    pub(super) fn next(&mut self, limits: &Limits) -> Result<Answer, WorkerError> {
        loop {
            if self.stops.iter().any(|stop| stop.load(Ordering::Relaxed)) {
                return Err(WorkerError::Cancelled);
            }
            let mut wait = TICK;
            if let Some((end, seconds)) = self.deadline {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(WorkerError::TimeLimit { seconds });
                }
                wait = wait.min(left);
            }
            match self.answers.recv_timeout(wait) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.how_it_ended(limits)),
            }
        }
    }

    fn how_it_ended(&mut self, limits: &Limits) -> WorkerError {
        let said = self.said.recv_timeout(LAST_WORDS).unwrap_or_default();
        let patience = Instant::now() + LAST_WORDS;
        loop {
            match has_ended(&mut self.child) {
                Ok(true) => break,
                Ok(false) if Instant::now() < patience => std::thread::sleep(TICK / 10),
                Ok(false) => {
                    let how = "it fell silent".to_owned();
                    return WorkerError::Crashed { how };
                }
                Err(error) => return WorkerError::Start(error),
            }
        }
        let status = match self.end() {
            Ok(status) => status,
            Err(error) => return WorkerError::Start(error),
        };
        if let (true, Some(bytes)) = (is_out_of_memory(&said), limits.memory_bytes) {
            return WorkerError::MemoryLimit { bytes };
        }
        if ended_by_processor_limit(status)
            && let Some((_, seconds)) = self.deadline
        {
            return WorkerError::TimeLimit { seconds };
        }
        let how = match printable(said.trim()) {
            said if said.is_empty() => status.to_string(),
            said => format!("{status}; it said: {said}"),
        };
        WorkerError::Crashed { how }
    }
}

impl Running {
    /// Ends whatever is left of the group, then the process itself; how that ended.
    fn end(&mut self) -> io::Result<ExitStatus> {
        // Where system calls cannot be confined there may be processes it has started. Until the
        // process is waited for, also when it is dead, its group's number is nobody else's.
        #[cfg(unix)]
        if !self.is_waited_for
            && let Ok(id) = i32::try_from(self.child.id())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        // A process that has ended already needs no killing.
        let _ = self.child.kill();
        let status = self.child.wait();
        self.is_waited_for |= status.is_ok();
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Whether a process has ended; it is still to be waited for.
#[cfg(unix)]
fn has_ended(child: &mut Child) -> io::Result<bool> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(pid), peek)?.is_some())
}

#[cfg(not(unix))]
fn has_ended(child: &mut Child) -> io::Result<bool> {
    Ok(child.try_wait()?.is_some())
}

#[cfg(unix)]
fn ended_by_processor_limit(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(rustix::process::Signal::XCPU.as_raw())
}

#[cfg(not(unix))]
fn ended_by_processor_limit(_status: ExitStatus) -> bool {
    false
}

/// Reads answers until the pipe ends or one is wrong.
fn read_answers(pipe: impl Read, sender: &SyncSender<Result<Answer, WorkerError>>) {
    let mut reader = BufReader::with_capacity(1 << 16, pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(ANSWER_BYTES)
            .read_until(b'\n', &mut line);
        let answer = match read {
            Ok(0) | Err(_) => return,
            Ok(_) if line.last() != Some(&b'\n') => Err(format!(
                "cut off, or longer than {ANSWER_BYTES} bytes: `{}`",
                start_of(&line)
            )),
            Ok(_) => serde_json::from_slice(&line)
                // It quotes what it does not know.
                .map_err(|error| printable(&format!("{error} in `{}`", start_of(&line)))),
        };
        let is_last = answer.is_err();
        let answer = answer.map_err(|reason| WorkerError::Answer { reason });
        if sender.send(answer).is_err() || is_last {
            return;
        }
    }
}

/// Reads what a worker would have said, and opens all of it as a caller does; for `fuzz/` alone.
#[cfg(fuzzing)]
pub(super) fn fuzz_answers(said: &[u8]) {
    let (sender, answers) = sync_channel(said.len() + 1);
    read_answers(said, &sender);
    drop(sender);
    for answer in answers {
        let shown = match answer {
            Ok(Answer::Row(row)) => row.into_features(4).err(),
            Ok(Answer::Vector { features, .. }) => features.into_values(4).err(),
            Ok(Answer::Failed(failure)) => Some(failure.into_error(&Limits::default())),
            Ok(Answer::Skipped { failure, .. }) => Some(WorkerError::Extractor(failure)),
            Ok(Answer::Thumbnail { jpeg, .. }) => {
                drop(crate::runtime::thumbnail::Thumbnail::parse(jpeg));
                None
            }
            Ok(Answer::Library { path, .. }) => {
                drop(path.into_path());
                None
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let text = shown.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            !text.contains(char::is_control),
            "it steers a terminal: {text:?}"
        );
    }
}

fn start_of(line: &[u8]) -> String {
    let start = &line[..line.len().min(60)];
    printable(String::from_utf8_lossy(start).trim())
}

/// The last bytes of a pipe, when it has ended.
fn read_last(mut pipe: impl Read) -> String {
    let (mut last, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = pipe.read(&mut piece) {
        last.extend_from_slice(&piece[..count]);
        let surplus = last.len().saturating_sub(SAID_BYTES);
        last.drain(..surplus);
    }
    String::from_utf8_lossy(&last).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn answers(text: &[u8]) -> Vec<Result<Answer, WorkerError>> {
        let (sender, receiver) = sync_channel(ANSWERS);
        read_answers(text, &sender);
        drop(sender);
        receiver.iter().collect()
    }

    #[test]
    fn answers_end_at_the_first_that_is_none() {
        let good = answers(b"\"done\"\n\"done\"\n");
        assert!(matches!(good[..], [Ok(Answer::Done), Ok(Answer::Done)]));
        for wrong in [
            &b"hello\n\"done\"\n"[..],
            b"\"done\"",
            b"\xff\n",
            b"{\"done\": 1, \"more\": 2}\n",
            &vec![b' '; 2 << 20],
        ] {
            assert!(matches!(
                answers(wrong)[..],
                [Err(WorkerError::Answer { .. })]
            ));
        }
        assert!(answers(b"").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answers_or_an_error(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let found = answers(&bytes);
            let errors = found.iter().filter(|answer| answer.is_err()).count();
            proptest::prop_assert!(errors <= 1 && found.iter().rev().skip(1).all(Result::is_ok));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_dead_worker_started_ends_with_it() {
        use std::os::unix::process::CommandExt;
        // A worker whose helper lives on, with none of its pipes.
        let script = "sleep 600 </dev/null >/dev/null 2>&1 & echo $!";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut text = String::new();
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_to_string(&mut text).unwrap();
        let helper = PathBuf::from(format!("/proc/{}/stat", text.trim()));
        assert!(helper.exists());
        let stop = Arc::new(AtomicBool::new(false));
        let mut running = Running {
            child,
            is_waited_for: false,
            answers: sync_channel(1).1,
            said: channel().1,
            deadline: None,
            stops: vec![stop],
        };
        let limits = Limits {
            memory_bytes: None,
            ..Limits::default()
        };
        let ended = running.how_it_ended(&limits);
        assert!(matches!(ended, WorkerError::Crashed { .. }), "{ended:?}");
        // It is dead, whether or not somebody has waited for it.
        let is_alive = || {
            let stat = std::fs::read_to_string(&helper).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        while is_alive() {
            std::thread::sleep(TICK);
        }
    }

    #[test]
    fn the_last_words_are_kept() {
        let long = [vec![b'a'; 10_000], b"the end".to_vec()].concat();
        let last = read_last(&long[..]);
        assert!(last.len() == SAID_BYTES && last.ends_with("the end"));
    }
}
