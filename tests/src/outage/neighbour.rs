//! Owns a chapter of the outage's story: another organization on the same cloud, whose hub says what it should not.
//! Takes a running cloud; gives checks of its answers, of what is set aside, and of the wall between the two.
//! Must never send anything that the first organization's record could lawfully contain.

use frostguard_shared::chain::Hash;
use frostguard_shared::claim::ClaimCode;
use frostguard_shared::wire::login::{
    Challenge, ChallengeRequest, Enrol, EnrolReply, Login, LoginReply, Takeover,
};
use frostguard_shared::wire::record::{Acknowledged, Events, Readings};
use frostguard_shared::wire::{self, MEDIA_TYPE, Problem, path};
use minicbor::{Decode, Encode};

use super::{Outage, yes_no};
use crate::clock::wall;
use crate::cloud::access_world::HandmadeHub;
use crate::cloud::recorder::{Probe, Recorder};
use crate::cloud::service::LetIn;
use crate::error::SiteError;
use crate::oracle::journal::Journal;

/// The neighbour's ids all follow from this number.
const NUMBER: u8 = 2;
/// 2106-01-01T00:00:00Z, in ms.
const FAR_OFF_MS: i64 = 4_291_747_200_000;

/// What the cloud says to a message.
enum Told<M> {
    Reply(M),
    Refused(u16, Problem),
}

/// The line of a hub made by hand.
struct Line {
    port: u16,
    token: Option<[u8; 32]>,
}

impl Line {
    fn say<A: Encode<()>, M: for<'b> Decode<'b, ()>>(
        &self,
        path: &str,
        message: &A,
    ) -> Result<Told<M>, SiteError> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut request = ureq::Agent::new_with_config(config).post(&url).header("Content-Type", MEDIA_TYPE);
        if let Some(token) = self.token {
            request = request.header("Authorization", format!("Bearer {}", hex::encode(token)));
        }
        let failed = |source| SiteError::Http { url: url.clone(), source: Box::new(source) };
        let mut response = request.send(wire::to_bytes(message)).map_err(failed)?;
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_vec().map_err(failed)?;
        let odd = |error| SiteError::Unexpected(format!("{path} answers {status} with no message: {error}"));
        if status == 200 {
            return wire::from_bytes(&body).map(Told::Reply).map_err(odd);
        }
        wire::from_bytes(&body).map(|problem| Told::Refused(status, problem)).map_err(odd)
    }

    fn must<A: Encode<()>, M: for<'b> Decode<'b, ()>>(
        &self,
        path: &str,
        message: &A,
    ) -> Result<M, SiteError> {
        match self.say(path, message)? {
            Told::Reply(reply) => Ok(reply),
            Told::Refused(status, problem) => {
                Err(SiteError::Unexpected(format!("{path}: {status} {:?} {}", problem.reason, problem.text)))
            }
        }
    }

    /// Enrols a hub made by hand and logs it in.
    fn enrolled(port: u16, hub: &HandmadeHub, let_in: &LetIn) -> Result<Line, SiteError> {
        let line = Line { port, token: None };
        let code: ClaimCode = let_in
            .code
            .parse()
            .map_err(|error| SiteError::Unexpected(format!("the code {}: {error}", let_in.code)))?;
        let enrol: Enrol = hub.enrol(code.secret, Takeover::Ask);
        let enrolled: EnrolReply = line.must(path::ENROL, &enrol)?;
        let challenge: Challenge = line.must(path::CHALLENGE, &ChallengeRequest { hub: hub.hub })?;
        let login: Login = hub.login(challenge.nonce, enrolled.cloud);
        let reply: LoginReply = line.must(path::LOGIN, &login)?;
        Ok(Line { port, token: Some(reply.token) })
    }
}

/// Moves the neighbour in, has its hub misbehave, and looks through the wall from its side.
pub(super) fn tell(outage: &mut Outage<'_, '_>) -> Result<LetIn, SiteError> {
    let let_in = outage.far.cloud.let_in("Neighbour", "Bar")?;
    let hub = HandmadeHub::new(NUMBER);
    let line = Line::enrolled(outage.far.cloud.port(), &hub, &let_in)?;
    let mut record = Recorder::begin(hub.hub, hub.epoch, hub.key.clone(), wall().as_millisecond());
    let device = &hub.site.devices[0];
    let probe = Probe { unit: hub.site.units[0].id, device: device.id, point: device.points[0].id };
    record.assign(&probe);
    let events = record.events();
    let _: Acknowledged = line.must(path::EVENTS, &record.events_batch(1, events))?;
    a_broken_link_is_refused(outage, &line, &mut record, &probe)?;
    what_fits_nowhere_is_set_aside(outage, &line, &mut record, &probe)?;
    Ok(let_in)
}

fn a_broken_link_is_refused(
    outage: &mut Outage<'_, '_>,
    line: &Line,
    record: &mut Recorder,
    probe: &Probe,
) -> Result<(), SiteError> {
    let next = record.assign(probe);
    let unlinked = Events { previous: Hash([9; 32]), ..record.events_batch(next, next) };
    let seen = match line.say::<_, Acknowledged>(path::EVENTS, &unlinked)? {
        Told::Reply(taken) => format!("taken up to {}", taken.held.seq),
        Told::Refused(status, problem) => format!("{status} {:?}", problem.reason),
    };
    outage.outcome.check(
        "a neighbour's event that links to nothing held",
        "409 BrokenLink",
        &seen,
        seen == "409 BrokenLink",
    );
    let taken: Acknowledged = line.must(path::EVENTS, &record.events_batch(next, next))?;
    let seen = format!("held up to {}", taken.held.seq);
    outage.outcome.check(
        "the same event with its link",
        &format!("held up to {next}"),
        &seen,
        taken.held.seq == next,
    );
    Ok(())
}

fn what_fits_nowhere_is_set_aside(
    outage: &mut Outage<'_, '_>,
    line: &Line,
    record: &mut Recorder,
    probe: &Probe,
) -> Result<(), SiteError> {
    record.read(probe, -1_800);
    record.read_at(probe, -1_801, FAR_OFF_MS);
    record.read_at(probe, -1_802, 0);
    let last = record.read(probe, -1_803);
    let batch: Readings = record.readings_batch(1, last);
    let seen = match line.say::<_, Acknowledged>(path::READINGS, &batch)? {
        Told::Reply(taken) => format!("held up to {}", taken.held.seq),
        Told::Refused(status, problem) => format!("{status} {:?}: {}", problem.reason, problem.text),
    };
    outage.outcome.check(
        "a neighbour's readings, two of them from 1970 and 2106",
        "held up to 4",
        &seen,
        seen == "held up to 4",
    );
    let count = |table: &str| {
        let sql = format!(
            "SELECT string_agg(r.seq::text, ', ' ORDER BY r.seq) FROM {table} r JOIN hub_streams s ON s.id = r.stream_id
             WHERE s.feed = '{}'",
            record.hub
        );
        Ok::<_, SiteError>(outage.far.database.psql(&sql)?.trim().to_owned())
    };
    let (placed, aside) = (count("sensor_readings")?, count("readings_quarantine")?);
    let seen = format!("placed {placed}; set aside {aside}");
    let expected = "placed 1, 4; set aside 2, 3";
    outage.outcome.check("those two alone are in quarantine", expected, &seen, seen == expected);
    Ok(())
}

/// What the neighbour can see of the other organization, by its API key and by SQL under the service's role.
pub(super) fn sees_nothing(
    outage: &mut Outage<'_, '_>,
    neighbour: &LetIn,
    journal: &Journal,
    alert: &str,
) -> Result<(), SiteError> {
    let browser = outage.far.cloud.browser().with_key(&neighbour.api_key);
    let foreign = browser.get(&format!("/api/v1/alerts/{alert}"))?.status;
    outage.outcome.check("our alarm by the neighbour's key", "404", &foreign.to_string(), foreign == 404);
    let units = outage.far.cloud.ask(&neighbour.api_key, "/units")?;
    let count = units["items"].as_array().map_or(0, Vec::len);
    let seen = format!("{count} units");
    outage.outcome.check("what the neighbour's key lists", "1 units", &seen, count == 1);
    let database = &outage.far.database;
    let sql =
        format!("SELECT organization_id FROM hubs WHERE name = 'kitchen-hub' AND id <> '{}'", journal.hub);
    let organization = database.psql(&sql)?.trim().to_owned();
    let tables = ["hub_events", "hub_streams", "sensor_readings", "alerts", "units", "organizations"];
    let mut foreign = 0;
    for table in tables {
        let owner = if table == "organizations" { "id" } else { "organization_id" };
        let all =
            database.psql(&format!("SELECT count(*) FROM {table} WHERE {owner} <> '{organization}'"))?;
        let seen = database.psql_as_service(&format!(
            "BEGIN; SET LOCAL ROLE fg_app; SET LOCAL app.org_id = '{organization}';
             SELECT count(*) FROM {table} WHERE {owner} <> '{organization}'"
        ))?;
        let exist = all.trim() != "0";
        foreign += usize::from(!exist || seen.trim() != "0");
    }
    let seen = format!("{foreign} of {} tables show rows", tables.len());
    outage.outcome.check("raw SQL as the neighbour", "no row of ours", &seen, foreign == 0);
    let own = yes_no(!organization.is_empty());
    outage.outcome.check("the neighbour is there at all", "yes", own, !organization.is_empty());
    Ok(())
}
