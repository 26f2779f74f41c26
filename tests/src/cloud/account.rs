//! Owns the question of who runs a server that refuses to run as root: Postgres and PgBouncer.
//! Takes the machine's accounts; gives the words that start a program under one, and folders that it can write.
//! Must never change anything of an account, nor run anything as root that can be run as somebody else.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::error::SiteError;

/// The accounts that root lends to such a server, the best first.
const LENT: [&str; 2] = ["postgres", "nobody"];
/// Where every account may go, if the folder asked for cannot be reached by the server's one.
const OPEN_TO_ALL: [&str; 2] = ["/tmp", "/var/tmp"];

/// Under whose name a server runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Account {
    /// Ours: we are not root.
    Own,
    /// Another one: we are root, and the server refuses that.
    Lent {
        /// Its user id.
        user: u32,
        /// Its group id.
        group: u32,
    },
}

/// A folder that an account can write, gone when dropped if it had to be made elsewhere.
#[derive(Debug)]
pub struct Room {
    /// The folder.
    pub path: PathBuf,
    _elsewhere: Option<TempDir>,
}

impl Account {
    /// The account for a server started by us.
    ///
    /// # Errors
    /// When we are root and the machine has none to lend.
    pub fn of_servers() -> Result<Account, SiteError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Account::Own);
        }
        let accounts = fs::read_to_string("/etc/passwd").map_err(SiteError::io("read the accounts"))?;
        let find = |name: &&str| {
            let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut numbers = line.split(':').skip(2).map(str::parse);
            match (numbers.next(), numbers.next()) {
                (Some(Ok(user)), Some(Ok(group))) => Some(Account::Lent { user, group }),
                _ => None,
            }
        };
        let found = LENT.iter().find_map(find);
        found.ok_or_else(|| SiteError::Unexpected(format!("there is no account of {LENT:?}")))
    }

    /// The program and the words before its arguments that run `program` under this account.
    ///
    /// Changing the user forgets what a process was told to die with, so it is told again.
    pub fn words(self, program: &Path) -> (PathBuf, Vec<OsString>) {
        match self {
            Account::Own => (program.to_owned(), Vec::new()),
            Account::Lent { user, group } => {
                let mut words: Vec<OsString> =
                    ["--clear-groups", "--pdeathsig", "KILL"].map(Into::into).into();
                words.push(format!("--reuid={user}").into());
                words.push(format!("--regid={group}").into());
                words.push(program.into());
                (PathBuf::from("setpriv"), words)
            }
        }
    }

    /// A command under this account, to be waited for by whoever starts it.
    pub fn command(self, program: &Path) -> Command {
        let (first, words) = self.words(program);
        let mut command = Command::new(first);
        command.args(words);
        command
    }

    /// An empty folder of this account alone: `<wanted>` if the account can reach it, else one elsewhere.
    ///
    /// # Errors
    /// When no folder can be made that it can reach.
    pub fn room(self, wanted: &Path) -> Result<Room, SiteError> {
        fs::create_dir_all(wanted).map_err(SiteError::io(format!("create {}", wanted.display())))?;
        if self.takes(wanted)? {
            return Ok(Room { path: wanted.to_owned(), _elsewhere: None });
        }
        for open in OPEN_TO_ALL {
            let Ok(folder) = tempfile::Builder::new().prefix("frostguard-").tempdir_in(open) else {
                continue;
            };
            if self.takes(folder.path())? {
                return Ok(Room { path: folder.path().to_owned(), _elsewhere: Some(folder) });
            }
        }
        Err(SiteError::Unexpected(format!(
            "{self:?} can reach neither {} nor {OPEN_TO_ALL:?}",
            wanted.display()
        )))
    }

    /// The first of the temporary folder and those that are open to all through which the account can go.
    ///
    /// # Errors
    /// When it can go through none.
    pub fn open_parent(self) -> Result<PathBuf, SiteError> {
        let own = std::env::temp_dir();
        let parents = [own.as_path()].into_iter().chain(OPEN_TO_ALL.map(Path::new));
        let goes = |parent: &&Path| {
            let status = self.command(Path::new("test")).arg("-x").arg(parent).status();
            status.is_ok_and(|status| status.success())
        };
        let found = parents.filter(goes).map(Path::to_owned).next();
        found.ok_or_else(|| SiteError::Unexpected(format!("{self:?} can go through no temporary folder")))
    }

    /// Gives the folder to the account and says whether it can use it: its parents may be closed to others.
    fn takes(self, folder: &Path) -> Result<bool, SiteError> {
        let Account::Lent { user, group } = self else { return Ok(true) };
        std::os::unix::fs::chown(folder, Some(user), Some(group))
            .map_err(SiteError::io(format!("give {} away", folder.display())))?;
        let mut test = self.command(Path::new("test"));
        let status = test.args(["-w".as_ref(), folder.as_os_str()]).status();
        Ok(status.map_err(SiteError::io("ask whether a folder can be written"))?.success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    #[test]
    fn a_folder_behind_a_closed_parent_is_replaced_by_one_that_the_account_can_write() {
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let wanted = closed.path().join("data");
        let account = Account::of_servers().unwrap();
        let room = account.room(&wanted).unwrap();
        assert_eq!(room.path == wanted, account == Account::Own);
        let made = account.command(Path::new("touch")).arg(room.path.join("file")).status().unwrap();
        assert!(made.success());
        assert_ne!(fs::metadata(room.path.join("file")).unwrap().uid(), 0);
    }

    #[test]
    fn what_runs_under_a_lent_account_has_nothing_of_root() {
        let account = Account::of_servers().unwrap();
        let said = account.command(Path::new("id")).args(["-u"]).output().unwrap();
        assert_ne!(String::from_utf8_lossy(&said.stdout).trim(), "0");
        let groups = account.command(Path::new("id")).args(["-G"]).output().unwrap();
        assert!(!String::from_utf8_lossy(&groups.stdout).split_whitespace().any(|group| group == "0"));
    }
}
