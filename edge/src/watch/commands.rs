//! Commands: what the cloud asks the hub to do once.
//!
//! Owns the order: that a command was received is durable before anything is done, what it does is recorded with its
//! end in one transaction, and what was received but not done when the hub died is done at its next start. A self-test
//! goes on beside everything else; nothing waits for it.

use super::{Watch, WatchError};
use crate::annunciators::Why;
use crate::desired::Standing;
use crate::desired::command::{self, Entry, Ledger, Progress, Strange};
use crate::desired::self_test::{Around, SelfTest};
use crate::store::Draft;
use crate::store::journal::{Also, Stream};
use frostguard_shared::causes::with_causes;
use frostguard_shared::event::{Actor, ActorKind, CommandOutcome, Fact, Subject};
use frostguard_shared::ids::{CommandId, SiteId};
use frostguard_shared::rules::acknowledgement_length;
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::{BoottimeMs, ClockSample, DurationMs, WallMs};
use frostguard_shared::wire::desired::{ACKNOWLEDGE, Command, IDENTIFY, SELF_TEST, Signed};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A hub that is looked for shows itself for so long.
const SHOWN_FOR: DurationMs = DurationMs::seconds(60);
/// A word that no version knows is recorded up to this length.
const KIND_MAX: usize = 64;

/// What the watch knows of commands.
#[derive(Default)]
pub(super) struct Commands {
    ledger: Ledger,
    test: Option<SelfTest>,
    shown_until: Option<BoottimeMs>,
}

impl Commands {
    /// Those that the journal remembers.
    pub(super) fn of(ledger: Ledger) -> Self {
        Self { ledger, ..Self::default() }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A new epoch began: every receipt is in an earlier one.
    pub(super) fn begin_anew(&mut self) {
        self.ledger.begin_anew();
    }

    /// An output has answered a call.
    pub(super) fn answered(&mut self, output: &str, call: u64) {
        if let Some(test) = self.test.as_mut().filter(|test| call >= test.call) {
            test.answered.insert(output.to_owned());
        }
    }

    /// True while somebody looks for this hub.
    pub(super) fn is_shown(&self, now: BoottimeMs) -> bool {
        self.shown_until.is_some_and(|until| now < until)
    }
}

impl Watch {
    /// Takes a command; whether it was done is told by events alone. Gives how it stands then.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn command(&mut self, signed: &Signed, now: ClockSample) -> Result<Arc<Standing>, WatchError> {
        self.begin(now)?;
        let command = self
            .enrolled
            .map(|(cloud, _): (PublicKey, SiteId)| command::read(signed, &cloud, self.identity.hub()));
        match command {
            Some(Ok(command)) if !self.commands.ledger.knows(command.id) => self.receive(command)?,
            // It has come before: it was done, or is being done.
            Some(Ok(_)) => self.count("commands.repeated"),
            Some(Err(fault)) => self.strange(&fault),
            None => self.count("commands.before_enrolment"),
        }
        self.settle()?;
        self.do_commands()?;
        self.settle()?;
        Ok(self.standing())
    }

    fn strange(&mut self, fault: &Strange) {
        tracing::warn!(fault = with_causes(fault), "a command is not taken");
        self.count("commands.strange");
    }

    fn trusted_wall(&self) -> Option<WallMs> {
        self.now.trust.is_trusted().then_some(self.now.wall)
    }

    fn receive(&mut self, command: Command) -> Result<(), WatchError> {
        match self.commands.ledger.make_room(self.trusted_wall()) {
            Ok(forgotten) => {
                forgotten
                    .into_iter()
                    .for_each(|command| self.journal.also(Also::CommandForgotten { command }));
            }
            Err(fault) => {
                self.strange(&fault);
                return Ok(());
            }
        }
        let (id, kind) = (command.id, command.kind.chars().take(KIND_MAX).collect());
        tracing::info!(command = %id, kind, "a command from the cloud");
        let actor = Actor { kind: ActorKind::Cloud, id: None };
        let subject = Subject { alert: command.alert, ..Subject::default() };
        let received_seq = self.journal.last_event() + 1;
        self.append(Draft {
            fact: Fact::CommandReceived { command: id, kind },
            subject,
            actor: Some(actor),
        })?;
        let entry = Entry { expires: command.expires, received_seq, progress: Progress::ToDo(command) };
        self.journal.also(Also::Command { command: id, entry: entry.clone() });
        self.commands.ledger.keep(id, entry);
        self.stands();
        Ok(())
    }

    /// Does what is to be done, once that it is to be done is durable.
    pub(super) fn do_commands(&mut self) -> Result<(), WatchError> {
        if self.journal.has_open_records() {
            return Ok(());
        }
        for command in self.commands.ledger.to_do() {
            if self.commands.test.as_ref().is_some_and(|test| test.command == command.id) {
                continue;
            }
            match command::too_late(&command, self.trusted_wall()) {
                Some((outcome, text)) => self.end(command.id, outcome, text)?,
                None => self.do_command(&command)?,
            }
        }
        Ok(())
    }

    fn do_command(&mut self, command: &Command) -> Result<(), WatchError> {
        let refused = |text: &str| (CommandOutcome::Refused, text.to_owned());
        let (outcome, text) = match command.kind.as_str() {
            ACKNOWLEDGE => self.acknowledge_for(command)?,
            IDENTIFY => {
                let until = self.now.boottime.0 + SHOWN_FOR.0 as u64;
                self.commands.shown_until = Some(BoottimeMs(until));
                (CommandOutcome::Done, format!("the hub shows itself for {SHOWN_FOR}"))
            }
            SELF_TEST if self.commands.test.is_some() => refused("a self-test is under way already"),
            SELF_TEST => {
                self.begin_test(command.id);
                return Ok(());
            }
            _ => refused("this hub does not know what to do for such a command"),
        };
        self.end(command.id, outcome, text)
    }

    fn end(&mut self, command: CommandId, outcome: CommandOutcome, text: String) -> Result<(), WatchError> {
        tracing::info!(%command, ?outcome, text, "the command has come to its end");
        self.append(Draft::new(Fact::CommandDone { command, outcome, text }))?;
        if let Some(entry) = self.commands.ledger.ended(command) {
            self.journal.also(Also::Command { command, entry });
        }
        Ok(())
    }

    /// Acknowledges as the person who asked for it from afar.
    fn acknowledge_for(&mut self, command: &Command) -> Result<(CommandOutcome, String), WatchError> {
        let refused = |text: &str| Ok((CommandOutcome::Refused, text.to_owned()));
        let (Some(person), Some(alert)) = (command.person, command.alert) else {
            return refused("it does not say who acknowledges what");
        };
        let Some(episode) = self.episode_of(alert) else {
            return refused("this hub has no such alert any more");
        };
        let Some(known) = self.state.alert(&episode).copied() else {
            return refused("this hub has no such alert any more");
        };
        if known.cleared.is_some() {
            return refused("the alert is over already");
        }
        let until_ms = self.axis.peek(self.now).rule + acknowledgement_length(known.severity);
        let subject = Subject {
            unit: Some(episode.unit),
            device: None,
            point: Some(episode.point),
            alert: Some(alert),
        };
        let actor = Some(Actor { kind: ActorKind::Person, id: Some(person) });
        self.append(Draft { fact: Fact::AlertAcknowledged { episode, until_ms }, subject, actor })?;
        Ok((CommandOutcome::Done, "acknowledged".into()))
    }

    fn begin_test(&mut self, command: CommandId) {
        let seq = self.journal.last_event();
        let journal = match self.journal.event(seq) {
            Ok(Some((event, _))) if event.envelope.seq == seq => {
                Ok(format!("event {seq} was written and read back"))
            }
            Ok(_) => Err(format!("event {seq} was written, and is not there")),
            Err(fault) => Err(with_causes(&fault)),
        };
        let outputs = self.site.outputs.iter().map(|output| output.key.clone()).collect();
        let call = self.configuration.call_outputs(Why::SelfTest);
        let (began, answered) = (self.now.boottime, BTreeSet::new());
        self.commands.test = Some(SelfTest { command, began, call, journal, outputs, answered });
    }

    /// Ends a self-test that has come to its end.
    pub(super) fn conclude_test(&mut self) -> Result<(), WatchError> {
        let Some(test) = self.commands.test.take_if(|test| test.is_over(self.now.boottime)) else {
            return Ok(());
        };
        let heads = self.journal.durable();
        let waiting = heads.events.saturating_sub(self.acknowledged(Stream::Events))
            + heads.readings.saturating_sub(self.acknowledged(Stream::Readings));
        let (outputs, sources, trust) = (&self.outputs, &self.sources, self.now.trust);
        let checks = test.checks(&Around { outputs, sources, trust, waiting });
        let passed = checks.iter().all(|check| check.passed);
        let failed: Vec<&str> =
            checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str()).collect();
        let text = if passed { "everything works".into() } else { format!("failed: {}", failed.join(", ")) };
        self.append(Draft::new(Fact::SelftestDone { passed, checks }))?;
        self.end(test.command, CommandOutcome::Done, text)
    }
}
