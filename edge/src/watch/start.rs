//! Starting: from what the journal holds to a watch that is live.
//!
//! Owns the order of a start: open the journal (setting a damaged one aside), find the axis of this boot, fold what
//! was recorded since the last snapshot, seal what is unsealed, say that the hub has started, apply the site's rules,
//! assign its points. Everything is durable before the first annunciator hears of it, unless the disk
//! fails, which is then an alarm of its own.

use super::anew::boot_before;
use super::commands::Commands;
use super::configuration::Configuration;
use super::effects::is_summed_up;
use super::{Watch, WatchError};
use crate::clock::Voucher;
use crate::entropy::{self, EntropyError};
use crate::identity::{Identity, IdentityError};
use crate::intake::Intake;
use crate::site::{Site, SiteError};
use crate::store::carry::{self, Carried};
use crate::store::journal::{Also, BootRow};
use crate::store::{self, Aside, Draft, Journal, StoreError, Tail, inspect};
use frostguard_shared::axis::{Axis, AxisPast, Correction};
use frostguard_shared::causes::with_causes;
use frostguard_shared::event::{Event, Fact, GapCause, OldEpoch};
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::rules::{Effect, State, refold};
use frostguard_shared::time::{Boot, BoottimeMs, ClockSample, DurationMs};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Events looked at for what an output that was away for long has not told yet.
const NEWS_SCAN: u64 = 20_000;

/// The watch cannot start. Stop, and show the message.
#[derive(Debug, Error)]
pub enum StartError {
    /// The journal cannot be used.
    #[error("the journal cannot be used")]
    Store(#[from] StoreError),
    /// The identity cannot be used.
    #[error("the hub's identity cannot be used")]
    Identity(#[from] IdentityError),
    /// The site document cannot be used.
    #[error("the site document cannot be used")]
    Site(#[from] SiteError),
    /// No randomness.
    #[error("no epoch could be made")]
    Entropy(#[from] EntropyError),
    /// The first events could not be made.
    #[error("the start could not be recorded")]
    Watch(#[from] WatchError),
}

/// A journal that was found damaged.
struct Damage {
    what: String,
    kept_as: String,
}

/// What came before an epoch that begins now.
struct Before {
    old: Option<OldEpoch>,
    damage: Option<Damage>,
    carried: Option<Carried>,
}

impl Watch {
    /// Starts the watch of a site.
    ///
    /// # Errors
    /// Something that a hub cannot be without is missing or belongs to another hub.
    pub fn start(
        state_dir: &Path,
        site: Arc<Site>,
        identity: Identity,
        boot_id: &str,
        group: DurationMs,
        now: ClockSample,
    ) -> Result<Self, StartError> {
        let path = state_dir.join(store::FILE);
        let (journal, tail, before) = opened(&path, &identity, boot_id)?;
        let (axis, boot, is_same_boot) = axis_of(&tail, &identity, boot_id, now);
        // What was recorded after the snapshot caused nothing, or a newer snapshot would have been written with it; only
        // a late value may still ask for its history, if the process died before it was folded again.
        let (state, effects) = refold(tail.snapshot.clone(), tail.records.clone());
        let (mut configuration, damage) = Configuration::open(state_dir, Arc::clone(&site), identity.hub());
        configuration.has_recorded(tail.recorded);
        let mut watch =
            Self::assembled(site, identity, journal, state, &tail, axis, boot, group, configuration, now);
        watch.resume_late(effects);
        watch.resume_configuration();
        let untold = watch.run_begins(&tail, before, is_same_boot)?;
        if let Some((what, kept_as)) = damage {
            watch.append(Draft::new(Fact::StorageDamaged { what, kept_as }))?;
        }
        watch.apply_site(tail.is_new)?;
        watch.resume_trial();
        watch.resume_news(&tail, untold);
        watch.settle()?;
        watch.do_commands()?;
        watch.settle()?;
        Ok(watch)
    }

    #[expect(clippy::too_many_arguments, reason = "it only puts the parts together, once")]
    fn assembled(
        site: Arc<Site>,
        identity: Identity,
        journal: Journal,
        state: State,
        tail: &Tail,
        axis: Axis,
        boot: BootRow,
        group: DurationMs,
        configuration: Configuration,
        now: ClockSample,
    ) -> Self {
        let mut intake = Intake::remembering(&tail.readings, &tail.late);
        intake.expect(site.devices.iter().map(|device| device.address));
        Self {
            site,
            identity,
            journal,
            state,
            axis,
            boot,
            intake,
            alerts: tail.alerts.clone(),
            announced: tail.announced.clone(),
            told_at_start: Arc::new(tail.announced.clone()),
            news: VecDeque::new(),
            counters: BTreeMap::new(),
            sources: BTreeMap::new(),
            outputs: BTreeMap::new(),
            storage_fault: None,
            group,
            group_began: None,
            last_snapshot: axis.now(now),
            last_seal: axis.now(now),
            urgent: true,
            need_history: None,
            last_refold: BoottimeMs(0),
            last_mark: None,
            last_checkpoint: axis.now(now),
            sealed: false,
            acknowledged: tail.acknowledged.clone(),
            enrolled: tail.enrolled,
            voucher: Voucher::WALL_CLOCK,
            configuration,
            commands: Commands::of(tail.commands.clone()),
            now,
        }
    }

    fn resume_late(&mut self, effects: Vec<Effect>) {
        let asked = effects.iter().filter_map(|effect| match effect {
            Effect::NeedHistory { from, .. } => Some(*from),
            Effect::Transition(_) | Effect::Alert { .. } | Effect::ShelveEnded { .. } => None,
        });
        self.need_history = asked.min();
    }

    /// Records the beginning of an epoch, if it is one, and of this run; gives what the epoch before has not told.
    fn run_begins(
        &mut self,
        tail: &Tail,
        before: Before,
        is_same_boot: bool,
    ) -> Result<Vec<(u64, Event)>, WatchError> {
        let Before { old, damage, carried } = before;
        let (untold, waiting) = carried.map_or_else(Default::default, |old| (old.untold, old.waiting));
        if tail.is_new {
            self.carry_beside(waiting);
            self.append(Draft::new(self.epoch_started(old.or(self.identity.head()))))?;
        }
        self.keep_axis();
        let fact = Fact::HubStarted {
            boot: self.boot.boot.0,
            boot_id: self.boot.boot_id.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            down_from: tail.last_rule,
            // A trusted clock tells how long it was only if it stands past the last record.
            down_known: is_same_boot
                || (self.now.trust.is_trusted()
                    && tail.last_rule.is_none_or(|last| self.now.wall.0 > last.0)),
            clean: tail.clean,
            anchor_ms: self.axis.anchor_ms(),
        };
        self.append(Draft::new(fact))?;
        for known in self.state.points() {
            known.door().into_iter().for_each(|door| self.intake.remember_door(known.assignment.point, door));
        }
        if let Some(to_ms) = tail.last_rule.filter(|_| tail.has_hole) {
            tracing::error!("readings are missing from the journal");
            self.append(Draft::new(Fact::Gap {
                cause: GapCause::Damage,
                from_ms: to_ms,
                to_ms,
                count: None,
            }))?;
        }
        self.seal()?;
        if let Some(from_ms) = tail.last_rule {
            let to_ms = self.axis.now(self.now);
            self.append(Draft::new(Fact::Gap { cause: GapCause::HubDown, from_ms, to_ms, count: None }))?;
        }
        if let Some(Damage { what, kept_as }) = damage {
            tracing::error!(what, kept_as, "the journal was damaged and set aside; a new epoch begins");
            self.append(Draft::new(Fact::StorageDamaged { what, kept_as }))?;
        }
        if tail.is_new {
            self.carry_offset()?;
            self.name_lost_alerts()?;
        }
        // From here on corrections of the clock are found as in any tick.
        self.tick(self.now)?;
        if self.now.trust.is_trusted() {
            // A boot that knows the time from its first moment needs no correction to place what waited for one.
            let here = self.axis.now(self.now);
            self.place_waiting(Correction { from: here, to: here, offset: self.axis.offset() })?;
        }
        Ok(untold)
    }

    /// What happened in earlier runs and some output has not told yet.
    fn resume_news(&mut self, tail: &Tail, untold: Vec<(u64, Event)>) {
        let told = |output: &crate::site::Output| tail.announced.get(&output.key).copied();
        // An output that is new has nothing to make up for: it only shows what is the case.
        let from = self.site.outputs.iter().filter_map(told).min().unwrap_or(u64::MAX);
        let before = self.journal.told_before();
        let last = self.journal.told_number(self.journal.last_event());
        let first_new = self.news.front().map_or(last + 1, |news| news.seq);
        let mut earlier: VecDeque<_> = untold
            .iter()
            .filter(|(number, _)| *number > from)
            .filter_map(|(number, event)| self.news_of(event, *number).map(Arc::new))
            .collect();
        let from = from.max(last.saturating_sub(NEWS_SCAN)).max(before);
        for number in from.saturating_add(1)..first_new {
            // An event that cannot be read is one less to tell; the alarms themselves are shown all the same.
            match self.journal.event(number - before) {
                Ok(found) => {
                    earlier.extend(found.and_then(|(event, _)| self.news_of(&event, number)).map(Arc::new))
                }
                Err(_) => self.count("news.unreadable"),
            }
        }
        earlier.append(&mut self.news);
        let mut kept = VecDeque::with_capacity(earlier.len());
        for news in earlier {
            if !is_summed_up(&kept, &news) {
                kept.push_back(news);
            }
        }
        let mut earlier = kept;
        let surplus = earlier.len().saturating_sub(crate::annunciators::NEWS_KEPT);
        earlier.drain(..surplus);
        self.news = earlier;
        let unknown: Vec<String> = self
            .site
            .outputs
            .iter()
            .filter(|output| told(output).is_none())
            .map(|output| output.key.clone())
            .collect();
        for output in unknown {
            let events_seq = first_new - 1;
            self.announced.insert(output.clone(), events_seq);
            self.journal.also(Also::Announced { output, events_seq });
        }
        self.told_at_start = Arc::new(self.announced.clone());
    }
}

/// The axis of this boot: resumed if an earlier run began it, else anchored anew.
fn axis_of(tail: &Tail, identity: &Identity, boot_id: &str, now: ClockSample) -> (Axis, BootRow, bool) {
    let offset = tail.boots.last().map_or(DurationMs(0), |boot| boot.offset);
    if let Some(row) = tail.boots.last().filter(|row| row.boot_id == boot_id) {
        let past = AxisPast { last: tail.last_rule, offset };
        let axis = Axis::resume(row.boot, row.anchor_ms, row.began, past, row.trusted);
        return (axis, row.clone(), true);
    }
    let boot = Boot(tail.boots.last().map_or(1, |last| last.boot.0 + 1));
    // A new epoch must not start earlier than an old one ended, and only the identity file knows of that.
    let mark = Some(identity.rule_mark()).filter(|mark| tail.is_new && mark.0 > 0);
    let past = AxisPast { last: tail.last_rule.max(mark), offset };
    let axis = Axis::at_boot(boot, now, past);
    let row = BootRow {
        boot,
        boot_id: boot_id.to_owned(),
        anchor_ms: axis.anchor_ms(),
        began: axis.boot_began(),
        offset,
        trusted: now.trust.is_trusted(),
    };
    (axis, row, false)
}

/// Opens the journal. One that is damaged, or older than what this hub is known to have recorded, is set aside, and a
/// new epoch begins with what can be carried over. So it does where an earlier run was cut off while it began one.
fn opened(path: &Path, identity: &Identity, boot_id: &str) -> Result<(Journal, Tail, Before), StartError> {
    let hub = identity.hub();
    let epoch = EpochId::v4(entropy::bytes()?);
    let (mut journal, mut tail, kept, damage) = match Journal::open(path, hub, epoch) {
        Ok((journal, tail)) if is_restored(&journal, &tail, identity)? => {
            drop((journal, tail));
            tracing::error!("the journal is older than what this hub has recorded; a new epoch begins");
            let kept_as = store::set_aside(path, Aside::Ended)?;
            let (journal, tail) = Journal::open(path, hub, epoch)?;
            (journal, tail, Kept::Now(path.with_file_name(kept_as)), None)
        }
        Ok((journal, tail)) => {
            let kept = if tail.is_new { carry::asides(path) } else { Vec::new() };
            (journal, tail, Kept::Earlier(kept), None)
        }
        Err(fault) if fault.is_damage() => {
            let what = with_causes(&fault);
            let kept_as = store::set_aside(path, Aside::Damaged)?;
            let (journal, tail) = Journal::open(path, hub, epoch)?;
            (journal, tail, Kept::Now(path.with_file_name(&kept_as)), Some(Damage { what, kept_as }))
        }
        Err(fault) => return Err(fault.into()),
    };
    let carried = match &kept {
        Kept::Now(kept) => read_kept(kept, hub),
        // One of them says something of the present only if it is of the last epoch known.
        Kept::Earlier(kept) => {
            let known = kept.iter().filter(|kept| may_be_of_last_epoch(kept, identity));
            let carried = known.filter_map(|kept| read_kept(kept, hub));
            carried
                .filter(|carried| is_of_last_epoch(carried, identity))
                .max_by_key(|carried| carried.last_rule)
        }
    };
    if let Some(carried) = &carried {
        take_over(&mut journal, &mut tail, carried, boot_id);
    }
    let head = match (&carried, kept) {
        (Some(carried), _) => carried.head.clone(),
        (None, Kept::Now(kept)) => inspect::head(&kept).ok().flatten(),
        (None, Kept::Earlier(_)) => None,
    };
    let old = later_head(identity.head(), head);
    Ok((journal, tail, Before { old, damage, carried }))
}

/// The journal of the epoch before, if this start begins a new one.
enum Kept {
    /// This start has set it aside.
    Now(PathBuf),
    /// An earlier run has set one of these aside, and did not get far enough to record it; or there is none.
    Earlier(Vec<PathBuf>),
}

/// False if the journal is known to be of another epoch than the last one, so that it need not be read whole.
fn may_be_of_last_epoch(kept: &Path, identity: &Identity) -> bool {
    match (identity.head(), inspect::head(kept)) {
        (Some(known), Ok(Some(head))) => known.epoch == head.epoch,
        _ => true,
    }
}

fn is_of_last_epoch(carried: &Carried, identity: &Identity) -> bool {
    match (identity.head(), &carried.head) {
        (Some(known), Some(head)) => known.epoch == head.epoch,
        (known, _) => known.is_none(),
    }
}

fn read_kept(kept: &Path, hub: HubId) -> Option<Carried> {
    match carry::carried(kept, hub) {
        Ok(carried) => carried,
        Err(fault) => {
            tracing::error!(
                fault = with_causes(&fault),
                "nothing could be carried over from the old journal"
            );
            None
        }
    }
}

/// True if this hub is known to have recorded more than the journal holds, or something else: the journal was put back
/// to an earlier state, or another one was put in its place.
fn is_restored(journal: &Journal, tail: &Tail, identity: &Identity) -> Result<bool, StoreError> {
    let Some(known) = identity.head().filter(|_| !tail.is_new) else { return Ok(false) };
    if journal.epoch() == known.epoch {
        return Ok(journal.hash_of(known.seq)? != Some(known.hash));
    }
    // The identity file is written after the journal: it may still name the epoch before this one.
    Ok(tail.old.as_ref().is_none_or(|old| old.epoch != known.epoch))
}

/// The head that is further on, of those that are known of the old epoch.
fn later_head(known: Option<OldEpoch>, found: Option<OldEpoch>) -> Option<OldEpoch> {
    match (known, found) {
        (Some(known), Some(found)) if found.epoch == known.epoch && found.seq > known.seq => Some(found),
        (None, found) => found,
        (known, _) => known,
    }
}

/// Lets a new epoch go on from what is carried over.
fn take_over(journal: &mut Journal, tail: &mut Tail, carried: &Carried, boot_id: &str) {
    journal.tell_after(carried.told_before);
    tail.boots.extend(boot_before(carried, boot_id));
    tail.last_rule = carried.last_rule;
    tail.snapshot = carried.state.clone();
    tail.records = carried.records.clone();
    tail.readings = carried.readings.clone();
    tail.late = carried.readings.iter().filter(|reading| reading.age_ms > 0).copied().collect();
    tail.alerts = carried.alerts.clone();
    tail.announced = carried.announced.clone();
    tail.enrolled = carried.enrolled;
    tail.recorded = carried.recorded;
    tail.commands = carried.commands.clone();
    tail.commands.begin_anew();
}
