//! Starting: from what the journal holds to a watch that is live.
//!
//! Owns the order of a start: open the journal (setting a damaged one aside), find the axis of this boot, fold what
//! was recorded since the last snapshot, seal what is unsealed, say that the hub has started, apply the site's rules,
//! assign its points. Everything is durable before the first annunciator hears of it, unless the disk
//! fails, which is then an alarm of its own.

use super::{Watch, WatchError};
use crate::entropy::{self, EntropyError};
use crate::identity::{Identity, IdentityError};
use crate::intake::Intake;
use crate::site::{Site, SiteError, rules_hash};
use crate::store::journal::{Also, BootRow};
use crate::store::{self, Draft, Journal, StoreError, Tail, inspect};
use frostguard_shared::axis::{Axis, AxisPast, Correction};
use frostguard_shared::event::{Fact, GapCause, OldEpoch, Subject};
use frostguard_shared::ids::EpochId;
use frostguard_shared::rules::{Effect, State, refold};
use frostguard_shared::time::{Boot, BoottimeMs, ClockSample, DurationMs};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
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
    /// The rules could not be written as JSON.
    #[error("the rules could not be written")]
    Rules(#[source] serde_json::Error),
}

/// A journal that was found damaged.
struct Damage {
    what: String,
    kept_as: String,
    old: Option<OldEpoch>,
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
        let epoch = EpochId::v4(entropy::bytes()?);
        let (journal, tail, damage) = match Journal::open(&path, identity.hub(), epoch) {
            Ok((journal, tail)) => (journal, tail, None),
            Err(fault) if fault.is_damage() => {
                let damage = set_aside(&path, &fault)?;
                let (journal, tail) = Journal::open(&path, identity.hub(), epoch)?;
                (journal, tail, Some(damage))
            }
            Err(fault) => return Err(fault.into()),
        };
        let (axis, boot, is_same_boot) = axis_of(&tail, &identity, boot_id, now);
        // What was recorded after the snapshot caused nothing, or a newer snapshot would have been written with it; only
        // a late value may still ask for its history, if the process died before it was folded again.
        let (state, effects) = refold(tail.snapshot.clone(), tail.records.clone());
        let mut watch = Self::assembled(site, identity, journal, state, &tail, axis, boot, group, now);
        watch.resume_late(effects);
        watch.run_begins(&tail, damage, is_same_boot)?;
        watch.apply_site()?;
        watch.resume_news(&tail);
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
            now,
        }
    }

    fn resume_late(&mut self, effects: Vec<Effect>) {
        let asked = effects.iter().filter_map(|effect| match effect {
            Effect::NeedHistory { from, .. } => Some(*from),
            Effect::Transition(_) | Effect::Alert { .. } => None,
        });
        self.need_history = asked.min();
    }

    /// Records the beginning of an epoch, if it is one, and of this run.
    fn run_begins(
        &mut self,
        tail: &Tail,
        damage: Option<Damage>,
        is_same_boot: bool,
    ) -> Result<(), WatchError> {
        if tail.is_new {
            let old = damage.as_ref().and_then(|damage| damage.old.clone()).or(self.identity.head());
            let fact = Fact::EpochStarted {
                key: self.identity.public_key(),
                software: env!("CARGO_PKG_VERSION").into(),
                old,
            };
            self.append(Draft::new(fact))?;
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
        for (point, known) in self.state.points() {
            known.door.into_iter().for_each(|door| self.intake.remember_door(*point, door));
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
        if let Some(Damage { what, kept_as, .. }) = damage {
            tracing::error!(what, kept_as, "the journal was damaged and set aside; a new epoch begins");
            self.append(Draft::new(Fact::StorageDamaged { what, kept_as }))?;
        }
        // From here on corrections of the clock are found as in any tick.
        self.tick(self.now)?;
        if self.now.trust.is_trusted() {
            // A boot that knows the time from its first moment needs no correction to place what waited for one.
            let here = self.axis.now(self.now);
            self.place_waiting(Correction { from: here, to: here, offset: self.axis.offset() })?;
        }
        Ok(())
    }

    /// Applies the site's rules if they differ from those in force, and assigns points that are new.
    fn apply_site(&mut self) -> Result<(), StartError> {
        let rules = self.site.rules();
        if *self.state.rules() != rules {
            let hash = rules_hash(&rules).map_err(StartError::Rules)?;
            let json = serde_json::to_vec(&rules).map_err(StartError::Rules)?;
            self.journal.also(Also::Rules { hash, rules: json });
            let stamp = self.axis.stamp(self.now);
            self.append_stamped(stamp, Draft::new(Fact::ConfigApplied { hash, source: "site.toml".into() }))?;
            self.fold(&frostguard_shared::rules::Record::rules(stamp.rule, rules))?;
        }
        let site = Arc::clone(&self.site);
        for (device, channel, point) in site.points() {
            let known =
                self.state.point(point.id).map(|state| (state.assignment.unit, state.assignment.role));
            if known == Some((point.unit, point.role)) {
                continue;
            }
            let fact = Fact::DeviceAssigned {
                channel,
                role: point.role,
                model: device.model.name().into(),
                address: device.address.to_string(),
            };
            let subject = Subject {
                unit: Some(point.unit),
                device: Some(device.id),
                point: Some(point.id),
                alert: None,
            };
            self.append(Draft { fact, subject, actor: None })?;
        }
        Ok(())
    }

    /// What happened in earlier runs and some output has not told yet.
    fn resume_news(&mut self, tail: &Tail) {
        let told = |output: &crate::site::Output| tail.announced.get(&output.key).copied();
        // An output that is new has nothing to make up for: it only shows what is the case.
        let from = self.site.outputs.iter().filter_map(told).min().unwrap_or(u64::MAX);
        let from = from.max(self.journal.last_event().saturating_sub(NEWS_SCAN));
        let first_new = self.news.front().map_or(self.journal.last_event() + 1, |news| news.seq);
        let mut earlier = VecDeque::new();
        for seq in from.saturating_add(1)..first_new {
            // An event that cannot be read is one less to tell; the alarms themselves are shown all the same.
            match self.journal.event(seq) {
                Ok(found) => {
                    earlier.extend(found.and_then(|(event, _)| self.news_of(&event, seq)).map(Arc::new))
                }
                Err(_) => self.count("news.unreadable"),
            }
        }
        earlier.append(&mut self.news);
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

fn set_aside(path: &Path, fault: &StoreError) -> Result<Damage, StoreError> {
    let what = frostguard_shared::causes::with_causes(fault);
    let old = inspect::head(path).ok().flatten().map(|(epoch, seq, hash)| OldEpoch { epoch, seq, hash });
    let kept_as = store::set_aside(path)?;
    Ok(Damage { what, kept_as, old })
}
