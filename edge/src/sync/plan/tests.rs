//! The plan against every answer that a cloud can give: it always goes on, and never in a tight circle.

use super::*;
use frostguard_shared::chain::Hash;
use frostguard_shared::ids::EpochId;
use proptest::prelude::*;

const WAIT: Duration = Duration::from_secs(1);
const NOW: BoottimeMs = BoottimeMs(1_000_000);

fn heads(events: u64, readings: u64) -> Heads {
    Heads { epoch: EpochId::from_bytes([1; 16]), events, hash: Hash([0; 32]), readings }
}

fn answered(events: u64, readings: u64) -> Answered {
    Answered { held: Held { events, readings }, standing: Standing::Extends, site_wanted: false }
}

fn refused(reason: Reason, held: Option<u64>) -> Setback {
    let held = held.map(|seq| Head { seq, hash: None });
    Setback::Refused(Problem { reason, text: String::new(), held })
}

/// A plan in a session, with so much recorded and so much held.
fn in_session(recorded: (u64, u64), held: (u64, u64)) -> Plan {
    let mut plan = Plan::new(heads(recorded.0, recorded.1), Held::default());
    assert_eq!(plan.next(NOW), Step::LogIn);
    plan.logged_in(NOW, 3_600_000, answered(held.0, held.1));
    plan
}

fn wanted(plan: &Plan, now: BoottimeMs) -> Wanted {
    match plan.next(now) {
        Step::SendRecords(wanted) => wanted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_cloud_holds_at_login_is_where_it_goes_on() {
    let plan = in_session((100, 5_000), (40, 20));
    let Wanted { events_after, readings_after, events_most, readings_most } = wanted(&plan, NOW);
    assert_eq!((events_after, readings_after), (40, 20));
    assert_eq!((events_most, readings_most), (RECORDS_MAX, RECORDS_MAX));
    assert!(matches!(in_session((9, 9), (9, 9)).next(NOW), Step::Wait(Some(_))));
}

#[test]
fn a_session_is_renewed_before_it_ends_and_never_in_a_circle() {
    let plan = in_session((1, 1), (1, 1));
    let Step::Wait(Some(until)) = plan.next(NOW) else { panic!() };
    assert_eq!(until, BoottimeMs(NOW.0 + 3_570_000));
    assert_eq!(plan.next(until), Step::LogIn);
    let mut plan = plan;
    plan.logged_in(NOW, 0, answered(1, 1));
    assert!(matches!(plan.next(NOW), Step::Wait(Some(until)) if until > NOW));
}

#[test]
fn a_journal_that_the_cloud_knows_otherwise_begins_anew_before_anything_is_sent() {
    for standing in [Standing::Behind, Standing::Beside] {
        let mut plan = Plan::new(heads(5, 5), Held::default());
        plan.logged_in(NOW, 3_600_000, Answered { standing, ..answered(9, 9) });
        assert_eq!(plan.next(NOW), Step::BeginAnew(Anew::CloudDiffers));
        plan.see(Heads { epoch: EpochId::from_bytes([2; 16]), ..heads(4, 0) });
        assert_eq!(plan.next(NOW), Step::LogIn, "the new epoch logs in by itself");
        assert_eq!(plan.held(), Held::default());
    }
}

#[test]
fn a_cloud_that_never_agrees_is_given_fewer_and_fewer_epochs() {
    let mut plan = Plan::new(heads(5, 5), Held::default());
    let (mut now, mut begun) = (NOW, Vec::new());
    for n in 2..14 {
        plan.logged_in(now, 36_000_000, Answered { standing: Standing::Beside, ..answered(9, 9) });
        if let Step::Wait(Some(until)) = plan.next(now) {
            begun.push((until.0 - now.0) / 60_000);
            now = until;
        }
        assert_eq!(plan.next(now), Step::BeginAnew(Anew::CloudDiffers));
        plan.begun_anew(Heads { epoch: EpochId::from_bytes([n; 16]), ..heads(5, 5) }, now);
    }
    assert_eq!(begun, [1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64]);
}

#[test]
fn the_cloud_that_holds_less_is_gone_back_to() {
    let mut plan = in_session((100, 100), (60, 60));
    plan.set_back(Sent::Readings(40), &refused(Reason::EventsFirst, Some(30)), NOW, WAIT);
    assert_eq!(wanted(&plan, NOW).events_after, 30);
    plan.set_back(Sent::Readings(40), &refused(Reason::Ahead, Some(10)), NOW, WAIT);
    assert_eq!(wanted(&plan, NOW).readings_after, 10);
    // What is no way back is asked about at a login, after a pause.
    plan.set_back(Sent::Events(4), &refused(Reason::Ahead, Some(99)), NOW, WAIT);
    assert_eq!(plan.next(NOW), Step::Wait(Some(BoottimeMs(NOW.0 + 1_000))));
    assert_eq!(plan.next(BoottimeMs(NOW.0 + 1_000)), Step::LogIn);
}

#[test]
fn a_batch_that_is_not_taken_is_halved_to_the_record_at_fault_and_events_go_on_beside_it() {
    let mut plan = in_session((10, 1_000), (10, 0));
    let mut sizes = Vec::new();
    for _ in 0..20 {
        let Step::SendRecords(wanted) = plan.next(NOW) else { break };
        let count = wanted.readings_most.min(1_000);
        sizes.push(count);
        plan.set_back(Sent::Readings(count), &refused(Reason::Garbled, None), NOW, WAIT);
    }
    assert_eq!(sizes, [1_000, 500, 250, 125, 62, 31, 15, 7, 3, 1]);
    assert_eq!(plan.stuck(), Some((Stream::Readings, 1)));
    assert_eq!(plan.next(NOW), Step::Wait(Some(BoottimeMs(NOW.0 + SLOW.as_millis() as u64))));
    plan.see(heads(11, 1_000));
    let next = wanted(&plan, NOW);
    assert_eq!((next.events_after, next.readings_most), (10, 0));
    plan.taken(Stream::Events, 11, NOW, WAIT);
    let later = BoottimeMs(NOW.0 + SLOW.as_millis() as u64);
    assert_eq!(wanted(&plan, later).readings_most, 1);
    plan.taken(Stream::Readings, 1, later, WAIT);
    assert_eq!((plan.stuck(), wanted(&plan, later).readings_most), (None, 2));
}

#[test]
fn a_slow_line_is_given_less_at_once() {
    let mut plan = in_session((0, 9_000), (0, 0));
    plan.set_back(Sent::Readings(4_096), &Setback::TooSlow, NOW, WAIT);
    assert_eq!(wanted(&plan, BoottimeMs(NOW.0 + 1_000)).readings_most, 2_048);
    plan.set_back(Sent::Readings(70), &Setback::TooSlow, NOW, WAIT);
    assert_eq!(wanted(&plan, BoottimeMs(NOW.0 + 1_000)).readings_most, 64);
}

#[test]
fn a_site_that_is_not_taken_does_not_hold_up_the_record() {
    let mut plan = Plan::new(heads(5, 5), Held::default());
    plan.logged_in(NOW, 3_600_000, Answered { site_wanted: true, ..answered(0, 0) });
    assert_eq!(plan.next(NOW), Step::SendSite);
    plan.set_back(Sent::Site, &refused(Reason::ForeignId, None), NOW, WAIT);
    assert!(matches!(plan.next(NOW), Step::SendRecords(_)));
}

#[test]
fn a_token_that_never_was_good_is_not_asked_for_in_a_circle() {
    let mut plan = in_session((5, 5), (0, 0));
    plan.set_back(Sent::Events(5), &refused(Reason::Token, None), NOW, WAIT);
    assert!(matches!(plan.next(NOW), Step::Wait(_)));
    let mut plan = in_session((5, 5), (0, 0));
    plan.taken(Stream::Events, 5, NOW, WAIT);
    plan.set_back(Sent::Readings(5), &refused(Reason::Token, None), NOW, WAIT);
    assert_eq!(plan.next(NOW), Step::LogIn, "one that was good has only expired");
}

/// A cloud's whim for one request.
#[derive(Clone, Copy, Debug)]
enum Whim {
    Takes,
    TakesAndIsNotHeard,
    Busy,
    ForgetsTheToken,
    IsGone,
    IsSlow,
    IsRestored(u64),
    Nonsense,
}

fn whim() -> impl Strategy<Value = Whim> {
    prop_oneof![
        4 => Just(Whim::Takes),
        1 => Just(Whim::TakesAndIsNotHeard),
        1 => Just(Whim::Busy),
        1 => Just(Whim::ForgetsTheToken),
        1 => Just(Whim::IsGone),
        1 => Just(Whim::IsSlow),
        1 => (0u64..200).prop_map(Whim::IsRestored),
        1 => Just(Whim::Nonsense),
    ]
}

/// A cloud that holds numbers alone.
struct Model {
    events: u64,
    readings: u64,
    poison: u64,
}

impl Model {
    /// Answers one batch as the wire says.
    fn take(&mut self, plan: &mut Plan, stream: Stream, after: u64, last: u64, under: u64, now: BoottimeMs) {
        let count = (last - after) as usize;
        let (sent, held) = match stream {
            Stream::Events => (Sent::Events(count), &mut self.events),
            Stream::Readings => (Sent::Readings(count), &mut self.readings),
        };
        if after > *held {
            let held = *held;
            return plan.set_back(sent, &refused(Reason::Ahead, Some(held)), now, WAIT);
        }
        if stream == Stream::Readings && under > self.events {
            return plan.set_back(sent, &refused(Reason::EventsFirst, Some(self.events)), now, WAIT);
        }
        if stream == Stream::Readings && (after + 1..=last).contains(&self.poison) {
            return plan.set_back(sent, &refused(Reason::Garbled, None), now, WAIT);
        }
        let held = match stream {
            Stream::Events => &mut self.events,
            Stream::Readings => &mut self.readings,
        };
        *held = (*held).max(last);
        plan.taken(stream, *held, now, WAIT);
    }
}

/// One step against the model; gives the time after it.
fn go(plan: &mut Plan, cloud: &mut Model, whim: Whim, now: BoottimeMs) -> BoottimeMs {
    match plan.next(now) {
        Step::Wait(until) => return until.unwrap_or(now),
        Step::LogIn => match whim {
            Whim::IsGone | Whim::Nonsense => plan.set_back(Sent::Login, &Setback::Unanswered, now, WAIT),
            _ => plan.logged_in(now, 3_600_000, answered(cloud.events, cloud.readings)),
        },
        Step::SendRecords(wanted) => {
            let (stream, after, most) = if plan.heads().events > wanted.events_after {
                (Stream::Events, wanted.events_after, wanted.events_most)
            } else {
                (Stream::Readings, wanted.readings_after, wanted.readings_most)
            };
            assert!(most > 0, "a batch of nothing");
            let end = if stream == Stream::Events { plan.heads().events } else { plan.heads().readings };
            let last = end.min(after + most as u64);
            let sent = match stream {
                Stream::Events => Sent::Events((last - after) as usize),
                Stream::Readings => Sent::Readings((last - after) as usize),
            };
            let under = plan.heads().events;
            match whim {
                Whim::Takes => cloud.take(plan, stream, after, last, under, now),
                Whim::TakesAndIsNotHeard => {
                    let mut deaf = plan.clone();
                    cloud.take(&mut deaf, stream, after, last, under, now);
                    plan.set_back(sent, &Setback::Unanswered, now, WAIT);
                }
                Whim::Busy => plan.set_back(sent, &refused(Reason::Busy, None), now, WAIT),
                Whim::ForgetsTheToken => plan.set_back(sent, &refused(Reason::Token, None), now, WAIT),
                Whim::IsGone => plan.set_back(sent, &Setback::Unanswered, now, WAIT),
                Whim::IsSlow => plan.set_back(sent, &Setback::TooSlow, now, WAIT),
                Whim::IsRestored(to) => {
                    (cloud.events, cloud.readings) = (cloud.events.min(to), cloud.readings.min(to));
                    cloud.take(plan, stream, after, last, under, now);
                }
                Whim::Nonsense => plan.set_back(sent, &refused(Reason::Ahead, Some(u64::MAX)), now, WAIT),
            }
        }
        Step::SendSite => plan.site_taken(),
        Step::BeginAnew(_) => panic!("nothing here asks for a new epoch"),
    }
    now
}

proptest! {
    #[test]
    fn whatever_the_cloud_does_the_record_arrives_up_to_the_one_that_it_never_takes(
        whims in prop::collection::vec(whim(), 0..120), events in 1u64..300, readings in 0u64..300, poison in 1u64..600
    ) {
        let mut plan = Plan::new(heads(events, readings), Held::default());
        let mut cloud = Model { events: 0, readings: 0, poison };
        let mut now = NOW;
        for whim in whims {
            now = go(&mut plan, &mut cloud, whim, now);
        }
        let (mut steps, mut at_once) = (0, 0);
        let reach = readings.min(poison - 1);
        while (cloud.events, cloud.readings) != (events, reach) {
            let before = now;
            now = go(&mut plan, &mut cloud, Whim::Takes, now);
            at_once = if now == before { at_once + 1 } else { 0 };
            steps += 1;
            prop_assert!(at_once < 60, "in a circle: {plan:?}");
            prop_assert!(steps < 2_000, "never: {plan:?}");
        }
    }
}
