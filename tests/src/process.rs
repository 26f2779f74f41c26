//! Owns the life of child processes: started so that they die with this process, ended by their own id.
//! Takes a program with its arguments and a folder for its output; gives a handle that ends it when dropped.
//! Must never signal a process that it did not start, nor leave one behind.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::wait_for;
use crate::error::SiteError;

/// A TCP port on the loopback that nothing listened on a moment ago.
///
/// # Errors
/// When the loopback gives no port.
pub fn free_port() -> Result<u16, SiteError> {
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(SiteError::io("bind a free port"))?;
    Ok(any.local_addr().map_err(SiteError::io("read the free port"))?.port())
}

/// A command that dies with this process, and that a Ctrl-C in the terminal does not reach: it is ended in order.
///
/// It dies with the thread that starts it: start it as a [`Daemon`], or wait for its end on the same thread.
pub fn tied_command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program).process_group(0);
    command
}

type Order = (Command, Sender<io::Result<Child>>);

/// Starts a child from a thread that lives as long as the process.
///
/// The kernel sends the death signal when the *thread* that started the child ends, so a child started from a
/// passing test thread would die too early.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    static NURSERY: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let nursery = NURSERY.get_or_init(|| {
        let (orders, received) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in received {
                // A caller that has gone away no longer wants its child; the handle's drop does not end it.
                if let Err(unheard) = answer.send(command.spawn())
                    && let Ok(mut child) = unheard.0
                {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        });
        Mutex::new(orders)
    });
    let (answer, answered) = channel();
    let gone = || io::Error::other("the thread that starts children has ended");
    nursery.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// A child process that runs until it is stopped, killed or dropped.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    output: PathBuf,
    ended: Option<ExitStatus>,
}

impl Daemon {
    /// Starts `program`; its output goes to `<name>.out` and `<name>.err` in `state`, which are appended to.
    ///
    /// # Errors
    /// When the folder cannot be written or the program cannot be started.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, String)],
        state: &Path,
    ) -> Result<Daemon, SiteError> {
        fs::create_dir_all(state).map_err(SiteError::io(format!("create {}", state.display())))?;
        let mut command = tied_command(program);
        command.args(arguments.into_iter().map(|a| OsString::from(a.as_ref())));
        command.envs(environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null());
        command.stdout(append_to(&state.join(format!("{name}.out")))?);
        command.stderr(append_to(&state.join(format!("{name}.err")))?);
        let child = spawn_from_lasting_thread(command).map_err(SiteError::io(format!("start {name}")))?;
        Ok(Daemon { name: name.to_owned(), child, output: state.to_owned(), ended: None })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output, over all its runs in this folder.
    pub fn stdout(&self) -> String {
        fs::read_to_string(self.output.join(format!("{}.out", self.name))).unwrap_or_default()
    }

    /// What it has written to standard error, over all its runs in this folder.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.output.join(format!("{}.err", self.name))).unwrap_or_default()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus, SiteError> {
        let what = format!("{} ends by itself", self.name);
        wait_for(&what, limit, || self.ended())
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }

    /// Asks it to end, waits at most `grace`, and only then kills it; gives how it ended if it did as asked.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self, grace: Duration) -> Result<ExitStatus, SiteError> {
        self.stop_by(Signal::TERM, grace)
    }

    /// As [`Daemon::stop`], for a program that is asked by another signal.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop_by(&mut self, signal: Signal, grace: Duration) -> Result<ExitStatus, SiteError> {
        if self.ended().is_none()
            && let Ok(raw) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(raw)
        {
            kill_process(pid, signal)
                .map_err(|e| SiteError::io(format!("ask {} to end", self.name))(e.into()))?;
        }
        let what = format!("{} ends when asked", self.name);
        let ended = wait_for(&what, grace, || self.ended());
        self.kill();
        ended
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

fn append_to(path: &Path) -> Result<File, SiteError> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(SiteError::io(format!("open {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, state: &Path) -> Daemon {
        Daemon::start("shell", Path::new("sh"), ["-c", script], &[], state).unwrap()
    }

    #[test]
    fn a_child_that_ends_when_asked_is_not_killed() {
        let state = tempfile::tempdir().unwrap();
        let mut child = shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done", state.path());
        wait_for("the child is ready", Duration::from_secs(5), || {
            child.stdout().contains("ready").then_some(())
        })
        .unwrap();
        assert_eq!(child.stop(Duration::from_secs(5)).unwrap().code(), Some(7));
    }

    #[test]
    fn a_child_that_will_not_end_is_killed_after_its_grace() {
        let state = tempfile::tempdir().unwrap();
        let mut child = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done", state.path());
        wait_for("the child is ready", Duration::from_secs(5), || {
            child.stdout().contains("ready").then_some(())
        })
        .unwrap();
        assert!(child.stop(Duration::from_millis(100)).is_err());
        assert!(child.ended().is_some());
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().to_owned();
        let mut child = thread::spawn(move || shell("echo ready; exec sleep 60", &path)).join().unwrap();
        wait_for("the child is ready", Duration::from_secs(5), || {
            child.stdout().contains("ready").then_some(())
        })
        .unwrap();
        assert!(child.ended().is_none());
    }
}
