//! Commands: what is made of one, and which were done. Pure.
//!
//! Owns the judgement (whose is it, for whom, is it late) and the ledger that lets no command be done twice, however
//! often it comes and wherever the hub was killed. An id is forgotten only when its command has expired for an hour, so
//! that a copy of it would be refused as late; a full ledger of commands that are still good takes no more.

use frostguard_shared::event::CommandOutcome;
use frostguard_shared::ids::{CommandId, HubId};
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::{DurationMs, WallMs};
use frostguard_shared::wire::desired::{COMMANDS_MAX, Command, NotSigned, Signed};
use std::collections::BTreeMap;
use thiserror::Error;

/// Commands remembered.
pub const KEPT: usize = 1_024;
/// A clock that is a little behind must not let an expired command in again.
const FORGOTTEN_AFTER: DurationMs = DurationMs::minutes(60);

/// Something that is no command of the cloud to this hub. Count it; nobody is told by name, for it has none.
#[derive(Debug, Error)]
pub enum Strange {
    /// Not signed, or not readable.
    #[error("a command is none")]
    NotSigned(#[from] NotSigned),
    /// For another hub.
    #[error("a command is for another hub")]
    ForeignHub,
    /// So many commands are remembered that are still good that this one could be done twice.
    #[error("no more commands can be remembered")]
    TooMany,
}

/// How far a command has got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It was received, and is still to be done.
    ToDo(Command),
    /// It came to its end.
    Ended,
}

/// What is remembered of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// From then on it is refused.
    pub expires: WallMs,
    /// The event that says that it was received; 0 if that is in an earlier epoch.
    pub received_seq: u64,
    /// How far it has got.
    pub progress: Progress,
}

/// The commands remembered.
#[derive(Clone, Debug, Default)]
pub struct Ledger(BTreeMap<CommandId, Entry>);

/// The command in what came.
///
/// # Errors
/// It is none of the cloud's to this hub.
pub fn read(signed: &Signed, cloud: &PublicKey, hub: HubId) -> Result<Command, Strange> {
    let command = signed.command(cloud)?;
    if command.hub == hub { Ok(command) } else { Err(Strange::ForeignHub) }
}

/// What becomes of a command before it is tried, if it is not to be tried: by a wall clock, if that is trusted.
pub fn too_late(command: &Command, now: Option<WallMs>) -> Option<(CommandOutcome, String)> {
    match now {
        None => {
            let text =
                "the hub's clock is not to be trusted now, so nobody can say whether the command is late";
            Some((CommandOutcome::Refused, text.into()))
        }
        Some(now) if now >= command.expires => {
            Some((CommandOutcome::Expired, format!("it came {} too late", now - command.expires)))
        }
        Some(_) => None,
    }
}

impl Ledger {
    /// A ledger of what was read back.
    pub fn of(entries: impl IntoIterator<Item = (CommandId, Entry)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Every command.
    pub fn entries(&self) -> impl Iterator<Item = (&CommandId, &Entry)> {
        self.0.iter()
    }

    /// True if the command was received before.
    pub fn knows(&self, command: CommandId) -> bool {
        self.0.contains_key(&command)
    }

    /// Makes room for one more; gives what may be forgotten for it.
    ///
    /// # Errors
    /// Everything that is remembered is still needed.
    pub fn make_room(&mut self, now: Option<WallMs>) -> Result<Vec<CommandId>, Strange> {
        if self.0.len() < KEPT {
            return Ok(Vec::new());
        }
        let is_over = |entry: &Entry| {
            entry.progress == Progress::Ended && now.is_some_and(|now| now > entry.expires + FORGOTTEN_AFTER)
        };
        let over: Vec<CommandId> =
            self.0.iter().filter(|(_, entry)| is_over(entry)).map(|(command, _)| *command).collect();
        if over.is_empty() {
            return Err(Strange::TooMany);
        }
        self.0.retain(|command, _| !over.contains(command));
        Ok(over)
    }

    /// Remembers a command.
    pub fn keep(&mut self, command: CommandId, entry: Entry) {
        self.0.insert(command, entry);
    }

    /// A command has come to its end; gives what is remembered of it.
    pub fn ended(&mut self, command: CommandId) -> Option<Entry> {
        let entry = self.0.get_mut(&command)?;
        entry.progress = Progress::Ended;
        Some(entry.clone())
    }

    /// The commands that are still to be done, in the order of their receipt.
    pub fn to_do(&self) -> Vec<Command> {
        let mut to_do: Vec<(u64, &Command)> = self
            .0
            .values()
            .filter_map(|entry| match &entry.progress {
                Progress::ToDo(command) => Some((entry.received_seq, command)),
                Progress::Ended => None,
            })
            .collect();
        to_do.sort_by_key(|(seq, _)| *seq);
        to_do.into_iter().map(|(_, command)| command.clone()).collect()
    }

    /// Commands that a cloud that holds events up to this one may not know to be received, the oldest first.
    pub fn untold(&self, held: u64, now: WallMs) -> Vec<CommandId> {
        let mut untold: Vec<(u64, CommandId)> = self
            .0
            .iter()
            .filter(|(_, entry)| {
                entry.received_seq > held || (entry.received_seq == 0 && entry.expires > now)
            })
            .map(|(command, entry)| (entry.received_seq, *command))
            .collect();
        untold.sort_unstable();
        untold.into_iter().take(COMMANDS_MAX).map(|(_, command)| command).collect()
    }

    /// A new epoch began: every receipt is in an earlier one.
    pub fn begin_anew(&mut self) {
        self.0.values_mut().for_each(|entry| entry.received_seq = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::signature::SecretKey;
    use frostguard_shared::wire::desired::IDENTIFY;

    const HUB: HubId = HubId::from_bytes([1; 16]);

    fn command(n: u16, expires: i64) -> Command {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        Command {
            id: CommandId::from_bytes(id),
            hub: HUB,
            made: WallMs(0),
            expires: WallMs(expires),
            person: None,
            kind: IDENTIFY.into(),
            alert: None,
        }
    }

    fn ended(expires: i64, received_seq: u64) -> Entry {
        Entry { expires: WallMs(expires), received_seq, progress: Progress::Ended }
    }

    #[test]
    fn a_command_that_is_unsigned_or_for_another_hub_is_strange() {
        let key = SecretKey::from_seed(&[7; 32]);
        let signed = command(1, 10).signed(&key);
        assert!(read(&signed, &key.public(), HUB).is_ok());
        let other = HubId::from_bytes([9; 16]);
        assert!(matches!(read(&signed, &key.public(), other), Err(Strange::ForeignHub)));
        let stranger = SecretKey::from_seed(&[8; 32]).public();
        assert!(matches!(read(&signed, &stranger, HUB), Err(Strange::NotSigned(_))));
    }

    #[test]
    fn a_late_command_expires_and_a_clock_that_is_not_trusted_refuses() {
        let one = command(1, 10_000);
        assert_eq!(too_late(&one, Some(WallMs(9_999))), None);
        assert_eq!(too_late(&one, Some(WallMs(10_000))).unwrap().0, CommandOutcome::Expired);
        assert_eq!(too_late(&one, None).unwrap().0, CommandOutcome::Refused);
    }

    #[test]
    fn a_full_ledger_forgets_only_what_would_be_late_by_now() {
        let mut ledger = Ledger::default();
        for n in 0..KEPT as u16 {
            ledger.keep(command(n, 0).id, ended(1_000, u64::from(n) + 1));
        }
        let hour = FORGOTTEN_AFTER.0;
        assert!(matches!(ledger.make_room(Some(WallMs(1_000 + hour))), Err(Strange::TooMany)));
        assert!(matches!(ledger.make_room(None), Err(Strange::TooMany)), "without a clock nothing is late");
        assert_eq!(ledger.make_room(Some(WallMs(1_001 + hour))).unwrap().len(), KEPT);
        assert!(!ledger.knows(command(3, 0).id));
    }

    #[test]
    fn what_the_cloud_may_not_know_is_named_oldest_first_and_bounded() {
        let mut ledger = Ledger::default();
        for n in 1..=40 {
            ledger.keep(command(n, 0).id, ended(1_000, u64::from(n)));
        }
        let untold = ledger.untold(5, WallMs(0));
        assert_eq!((untold.len(), untold[0]), (COMMANDS_MAX, command(6, 0).id));
        ledger.begin_anew();
        assert_eq!(ledger.untold(5, WallMs(1_000)), [], "what has expired comes no more");
        assert_eq!(ledger.untold(5, WallMs(999)).len(), COMMANDS_MAX);
    }

    #[test]
    fn what_is_to_be_done_is_done_in_the_order_of_its_receipt() {
        let mut ledger = Ledger::default();
        for (n, seq) in [(1, 9), (2, 4)] {
            let progress = Progress::ToDo(command(n, 10));
            ledger.keep(command(n, 10).id, Entry { expires: WallMs(10), received_seq: seq, progress });
        }
        assert_eq!(
            ledger.to_do().iter().map(|command| command.id).collect::<Vec<_>>(),
            [command(2, 0).id, command(1, 0).id]
        );
        ledger.ended(command(2, 0).id);
        assert_eq!(ledger.to_do().len(), 1);
    }
}
