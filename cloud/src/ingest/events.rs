//! Taking events: the chain is checked from the bytes, the rest follows from it.
//!
//! A fork, a broken link, a bad checkpoint or an event that is not what its place says is an alarm for people and a
//! counter; none of them is in the way of the record. Only a batch that fits nowhere is not taken.

use super::admit::{Branch, Linked, Verdict, extends, judge, trunk};
use super::project::{AlertMoves, Answered, Chained, Misfit, Projection, read};
use super::{NotTaken, Taken, fault_point};
use crate::counters::Count;
use crate::hub::body::Refusal;
use crate::store::commands::Progress;
use crate::store::configuration::Decision;
use crate::store::doors::Session;
use crate::store::event_log::Noticed;
use crate::store::streams::{EventsCursor, Fork, Journal};
use crate::store::{
    self, StoreError, TenantTx, alerts, assignments, commands, configuration, door_events, event_log,
    manual_logs, rollups, streams,
};
use frostguard_shared::causes::with_causes;
use frostguard_shared::chain::genesis;
use frostguard_shared::checkpoint::Checkpoint;
use frostguard_shared::event::Event;
use frostguard_shared::time::Boot;
use frostguard_shared::timeline::Timeline;
use frostguard_shared::tree::Frontier;
use frostguard_shared::wire::record::Events;
use frostguard_shared::wire::{Head, Reason};
use serde_json::json;

/// Branches of one epoch that are kept; a hub that forks more often is refused.
const BRANCHES_MAX: usize = 64;

/// Takes a checked batch; the transaction is the caller's to commit.
///
/// # Errors
/// It fits nowhere, or the database cannot.
pub async fn take(tx: &mut TenantTx, session: &Session, batch: &Events) -> Result<Taken, NotTaken> {
    let journal = Journal { hub: session.hub, epoch: batch.epoch };
    let mut cursors = locked(tx, journal).await?;
    fault_point!("ingest.events.locked");
    let linked = Linked::of(batch);
    let branches: Vec<Branch> = cursors.iter().map(|cursor| cursor.branch.clone()).collect();
    let verdict = match extends(&branches, &linked) {
        Some(verdict) => verdict,
        None => {
            let first = genesis(journal.hub, journal.epoch);
            let stored = store::events::hashes(tx, &cursors, first, linked.first - 1, linked.last()).await?;
            judge(&branches, &linked, &stored)
        }
    };
    let (branch, held) = match verdict {
        Verdict::Extends { branch, held } => (branch, held),
        Verdict::Repeated { branch } => {
            Count::BatchesRepeated.one();
            return Ok(Taken { held: head(&cursors, branch), new: 0 });
        }
        Verdict::Forks { parent, held } => {
            (fork(tx, journal, &mut cursors, parent, &linked, held).await?, held)
        }
        Verdict::Ahead => {
            let held = longest(&cursors);
            return Err(Refusal::holding(Reason::Ahead, "events before these are missing", held).into());
        }
        Verdict::BrokenLink => return Err(broken_link(&cursors, &linked)),
    };
    append(tx, session, batch, &linked, &mut cursors, branch, held).await
}

/// The cursors of all branches, the trunk among them.
async fn locked(tx: &mut TenantTx, journal: Journal) -> Result<Vec<EventsCursor>, NotTaken> {
    let cursors = streams::lock_events(tx, journal).await?;
    if !cursors.is_empty() {
        return Ok(cursors);
    }
    streams::create_events(tx, journal, 0, None, trunk(journal.hub, journal.epoch).head).await?;
    Ok(streams::lock_events(tx, journal).await?)
}

fn head(cursors: &[EventsCursor], branch: i16) -> Head {
    let found = cursors.iter().find(|cursor| cursor.branch.number == branch);
    found.map_or(Head { seq: 0, hash: None }, |cursor| Head {
        seq: cursor.branch.last,
        hash: Some(cursor.branch.head),
    })
}

fn longest(cursors: &[EventsCursor]) -> Head {
    let longest = cursors.iter().max_by_key(|cursor| cursor.branch.last);
    longest.map_or(Head { seq: 0, hash: None }, |cursor| head(cursors, cursor.branch.number))
}

fn broken_link(cursors: &[EventsCursor], linked: &Linked) -> NotTaken {
    tracing::warn!(first = linked.first, "a batch of events links to a hash that nobody holds");
    let text = "these events link to a hash that is not held; begin a new epoch";
    Refusal::holding(Reason::BrokenLink, text, longest(cursors)).into()
}

/// Makes a branch of its own for what differs.
async fn fork(
    tx: &mut TenantTx,
    journal: Journal,
    cursors: &mut Vec<EventsCursor>,
    parent: i16,
    linked: &Linked,
    held: usize,
) -> Result<i16, NotTaken> {
    if cursors.len() >= BRANCHES_MAX {
        let text = "this epoch has forked too often; begin a new epoch";
        return Err(Refusal::holding(Reason::BrokenLink, text, longest(cursors)).into());
    }
    let at = linked.first + held as u64;
    let number = cursors.iter().map(|cursor| cursor.branch.number).max().unwrap_or(0) + 1;
    let before = held.checked_sub(1).and_then(|last| linked.hashes.get(last)).copied();
    let head = before.unwrap_or(linked.previous);
    let mut frontier = Frontier::default();
    for hash in store::events::hashes_before(tx, cursors, parent, at).await? {
        frontier.push_event(hash);
    }
    let id = streams::create_events(tx, journal, number, Some(Fork { parent, at }), head).await?;
    let branch = Branch { number, forked: Some((parent, at)), last: at - 1, head };
    cursors.push(EventsCursor { id, branch, frontier });
    Count::Forks.one();
    let details = json!({ "epoch": journal.epoch, "parent": parent, "branch": number, "seq": at });
    event_log::notice(tx, journal.hub, Noticed::Fork, details).await?;
    Ok(number)
}

async fn append(
    tx: &mut TenantTx,
    session: &Session,
    batch: &Events,
    linked: &Linked,
    cursors: &mut [EventsCursor],
    branch: i16,
    held: usize,
) -> Result<Taken, NotTaken> {
    let events = chained(batch, linked, held);
    let (last, head) =
        events.last().map_or((linked.first - 1, linked.previous), |event| (event.seq, event.hash));
    let Some(at) = cursors.iter().position(|cursor| cursor.branch.number == branch) else {
        return Err(broken_link(cursors, linked));
    };
    for event in &events {
        cursors[at].frontier.push_event(event.hash);
    }
    cursors[at].branch.last = last;
    cursors[at].branch.head = head;
    let cursor = cursors[at].clone();
    store::events::append(tx, cursor.id, &events).await?;
    fault_point!("ingest.events.stored");
    check_checkpoint(tx, session, batch, &cursor).await?;
    project(tx, session, batch, cursors, &cursor, &events).await?;
    fault_point!("ingest.events.projected");
    streams::advance_events(tx, cursor.id, last, head, &cursor.frontier).await?;
    Ok(Taken { held: Head { seq: last, hash: Some(head) }, new: events.len() as u64 })
}

fn chained(batch: &Events, linked: &Linked, held: usize) -> Vec<Chained> {
    let mut previous = linked.previous;
    let each = batch.items.iter().zip(&linked.hashes).zip(linked.first..).map(|((item, hash), seq)| {
        let event =
            Chained { seq, hash: *hash, previous, bytes: item.bytes.as_ref().map(|bytes| bytes.to_vec()) };
        previous = *hash;
        event
    });
    each.skip(held).collect()
}

/// Compares the signed checkpoint with the tree that the events make.
async fn check_checkpoint(
    tx: &mut TenantTx,
    session: &Session,
    batch: &Events,
    cursor: &EventsCursor,
) -> Result<(), NotTaken> {
    let verified = Checkpoint::verify(&batch.checkpoint, session.hub, batch.epoch, session.key);
    let why = match verified {
        Ok(checkpoint)
            if checkpoint.size == cursor.frontier.size() && checkpoint.root == cursor.frontier.root() =>
        {
            return Ok(store::events::keep_checkpoint(tx, cursor.id, checkpoint, &batch.checkpoint).await?);
        }
        Ok(checkpoint) => format!("size {} has another root, or is not the batch's end", checkpoint.size),
        Err(fault) => fault.to_string(),
    };
    tracing::warn!(hub = %session.hub, why, "a checkpoint does not fit");
    Count::CheckpointsBad.one();
    let details = json!({ "epoch": batch.epoch, "size": cursor.frontier.size(), "why": why });
    Ok(event_log::notice(tx, session.hub, Noticed::CheckpointBad, details).await?)
}

/// Writes everything that follows from the events. What the tables refuse is undone and noticed: the events are kept,
/// and everything that follows from them can be made again.
async fn project(
    tx: &mut TenantTx,
    session: &Session,
    batch: &Events,
    cursors: &[EventsCursor],
    cursor: &EventsCursor,
    events: &[Chained],
) -> Result<(), NotTaken> {
    let (known, misfits) = read_all(session, batch, events);
    let projection = Projection::of(&known, timeline_of(tx, cursors, cursor, &known).await?);
    store::events::keep_clock(tx, cursor.id, &projection.clock).await?;
    if !projection.seals.is_empty() {
        let journal = Journal { hub: session.hub, epoch: batch.epoch };
        let readings = streams::lock_readings(tx, journal, &cursor.branch).await?;
        store::seals::keep(tx, readings.id, &projection.seals).await?;
        super::readings::compare_seals(tx, session.hub, readings, Vec::new()).await?;
    }
    tx.mark().await?;
    let kept = match keep_facts(tx, session, &projection).await {
        Ok(unused) => event_log::keep(tx, session.hub, &projection.log, events).await.map(|()| unused),
        Err(fault) => Err(fault),
    };
    let place = json!({ "epoch": batch.epoch, "from_seq": events.first().map(|event| event.seq) });
    let unused = match kept {
        Ok(unused) => unused,
        Err(fault) if fault.is_of_data() => {
            tracing::error!(hub = %session.hub, fault = with_causes(&fault), "what follows from events was refused");
            tx.back_to_mark().await?;
            Count::FactsUnused.add(known.len() as u64);
            event_log::notice(tx, session.hub, Noticed::ProjectionFailed, place.clone()).await?;
            0
        }
        Err(fault) => return Err(fault.into()),
    };
    notice_lost_epochs(tx, session, &projection).await?;
    if !misfits.is_empty() {
        Count::EventsUnreadable.add(misfits.len() as u64);
        let seqs: Vec<u64> = misfits.iter().take(100).map(|(seq, _)| *seq).collect();
        let details = json!({ "epoch": batch.epoch, "events": seqs, "count": misfits.len() });
        event_log::notice(tx, session.hub, Noticed::EventUnreadable, details).await?;
    }
    if unused > 0 {
        Count::FactsUnused.add(unused);
        let details = json!({ "place": place, "count": unused });
        event_log::notice(tx, session.hub, Noticed::FactUnused, details).await?;
    }
    Ok(())
}

async fn timeline_of(
    tx: &mut TenantTx,
    cursors: &[EventsCursor],
    cursor: &EventsCursor,
    events: &[Event],
) -> Result<Timeline, StoreError> {
    let boots = events.iter().map(|event| event.envelope.boot).filter(|boot| boot.0 <= i32::MAX as u32);
    let span = (boots.clone().min().unwrap_or(Boot(0)), boots.max().unwrap_or(Boot(0)));
    store::events::timeline(tx, cursors, cursor.branch.number, span).await
}

/// A journal that follows another says how far that one went: what of it never came is an alarm.
async fn notice_lost_epochs(
    tx: &mut TenantTx,
    session: &Session,
    projection: &Projection,
) -> Result<(), StoreError> {
    for followed in &projection.followed {
        let journal = Journal { hub: session.hub, epoch: followed.old.epoch };
        let held = longest(&streams::events(tx, journal).await?).seq;
        if held < followed.old.seq {
            let details = json!({ "epoch": followed.old.epoch, "held": held, "head": followed.old.seq });
            event_log::notice(tx, session.hub, Noticed::EpochLost, details).await?;
        }
    }
    Ok(())
}

/// Events looked at together when they are projected again.
const PAGE: i64 = 1_000;

/// Makes assignments and alerts of a hub again from its stored events: after units or devices that they name have become
/// known. What was kept before is not changed by it.
///
/// # Errors
/// The database cannot.
pub async fn project_again(tx: &mut TenantTx, session: &Session) -> Result<(), StoreError> {
    for epoch in streams::epochs(tx, session.hub).await? {
        let cursors = streams::events(tx, Journal { hub: session.hub, epoch }).await?;
        for cursor in &cursors {
            let mut after = 0;
            loop {
                let page = store::events::facts_after(tx, cursor.id, after, PAGE).await?;
                let Some((last, _)) = page.last() else { break };
                after = *last;
                let read = |(seq, bytes): &(u64, Vec<u8>)| read(bytes, session.hub, epoch, *seq).ok();
                let events: Vec<Event> = page.iter().filter_map(read).collect();
                let timeline = timeline_of(tx, &cursors, cursor, &events).await?;
                keep_facts(tx, session, &Projection::of(&events, timeline).repeatable()).await?;
            }
        }
    }
    Ok(())
}

fn read_all(session: &Session, batch: &Events, events: &[Chained]) -> (Vec<Event>, Vec<(u64, Misfit)>) {
    let (mut known, mut misfits) = (Vec::with_capacity(events.len()), Vec::new());
    for event in events {
        match event.bytes.as_deref().map(|bytes| read(bytes, session.hub, batch.epoch, event.seq)) {
            Some(Ok(event)) => known.push(event),
            Some(Err(misfit)) => misfits.push((event.seq, misfit)),
            // Dropped at the hub by its bound: nothing is left to project.
            None => {}
        }
    }
    (known, misfits)
}

/// Keeps the facts that have a table; gives how many name something that is not the organization's.
async fn keep_facts(
    tx: &mut TenantTx,
    session: &Session,
    projection: &Projection,
) -> Result<u64, StoreError> {
    let mut unused = 0;
    for assignment in &projection.assignments {
        let outcome = assignments::assign(tx, session.hub, assignment).await?;
        unused += u64::from(outcome == assignments::Outcome::NotOurs);
    }
    for (alert, moves) in &projection.alerts {
        let touched = alerts::take(tx, session.hub, *alert, moves).await?;
        unused += u64::from(touched == 0 && matches!(moves, AlertMoves::Raised(_)));
    }
    keep_answers(tx, session, projection).await?;
    let doors = projection.doors.iter().map(|moved| moved.unit);
    let by_hand = projection.by_hand.iter().map(|log| log.unit);
    let units = doors.chain(by_hand).chain(projection.statuses.iter().map(|changed| changed.unit)).collect();
    rollups::hold(tx, units).await?;
    let doors = door_events::keep(tx, &projection.doors).await?;
    let by_hand = manual_logs::keep(tx, &projection.by_hand).await?;
    let statuses = rollups::keep_statuses(tx, &projection.statuses).await?;
    unused += (projection.doors.len() as u64).saturating_sub(doors);
    unused += (projection.by_hand.len() as u64).saturating_sub(by_hand);
    unused += (projection.statuses.len() as u64).saturating_sub(statuses);
    Ok(unused)
}

/// Keeps what became of what was desired of the hub. A document or command that is not known was made before the cloud was
/// restored, or never: what the hub says of itself counts all the same.
async fn keep_answers(
    tx: &mut TenantTx,
    session: &Session,
    projection: &Projection,
) -> Result<(), StoreError> {
    for (answered, at) in &projection.answered {
        match answered {
            Answered::Document { version, decision } => {
                configuration::decided(tx, session.hub, *version, *at, decision).await?;
                match decision {
                    Decision::Applied => Count::DocumentsApplied.one(),
                    Decision::Refused { .. } => Count::DocumentsNotTaken.one(),
                    Decision::RolledBack { .. } => Count::DocumentsTakenBack.one(),
                }
            }
            Answered::Command { command, progress } => {
                commands::progress(tx, session.hub, *command, *at, progress).await?;
                if matches!(progress, Progress::Ended(..)) {
                    Count::CommandsEnded.one();
                }
            }
            Answered::SelfTest(found) => commands::self_test(tx, session.hub, found).await?,
        }
    }
    Ok(())
}
