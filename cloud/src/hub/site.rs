//! The site as a hub knows it: looked at as a whole before anything of it is taken.
//!
//! Owns the check of a site message, what its rules are as rows, and the route by which a hub tells of a change.

use super::HubState;
use super::body::{Packed, Refusal};
use super::record::Token;
use crate::ingest;
use crate::store::adoption::{self, AdoptionError, Place};
use crate::store::event_log::{self, Noticed};
use crate::store::fleet::{self, Units};
use crate::store::rules::{Rule, Slot};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use frostguard_shared::chain::Hash;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::inherit::{Bound, Values};
use frostguard_shared::rules::{Field, Provenance, SilenceRule, ThermalRule, UnitRules};
use frostguard_shared::unit::UnitType;
use frostguard_shared::wire::site::{Device, Site, Unit};
use frostguard_shared::wire::{Reason, path, to_bytes};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// People, units or devices of one site.
const THINGS_MAX: usize = 1_024;
/// Characters of a name.
const NAME_MAX: usize = 256;

/// The route by which a hub tells of its site.
pub fn routes() -> Router<HubState> {
    Router::new().route(path::SITE, post(site))
}

async fn site(
    State(state): State<HubState>,
    token: Token,
    Packed(site): Packed<Site>,
) -> Result<StatusCode, Refusal> {
    let rules = checked(&site)?;
    let (mut tx, session) = token.begin(&state).await?;
    let unknown = || Refusal::new(Reason::UnknownHub, "no such hub is enrolled here");
    let hub = fleet::known(&mut tx, session.hub).await?.ok_or_else(unknown)?;
    if hub.units == Units::Adopted {
        // Two hubs of a site come one after the other.
        fleet::lock_premises(&mut tx, hub.site).await?.ok_or_else(unknown)?;
        let place = Place { hub: session.hub, site: hub.site };
        adoption::take(&mut tx, place, &site, &rules).await?;
    }
    // Facts that named what was not known yet may be kept now.
    if event_log::was_noticed(&mut tx, session.hub, Noticed::FactUnused).await? {
        ingest::events::project_again(&mut tx, &session).await?;
    }
    fleet::keep_site_hash(&mut tx, session.hub, hash(&site)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<AdoptionError> for Refusal {
    fn from(fault: AdoptionError) -> Self {
        match fault {
            AdoptionError::Foreign { .. } => {
                Self::new(Reason::ForeignId, format!("{fault}; nothing was taken"))
            }
            AdoptionError::Store(fault) => Self::failed(&fault),
            AdoptionError::Entropy(fault) => Self::failed(&fault),
        }
    }
}

/// SHA-256 of a site message.
pub(super) fn hash(site: &Site) -> Hash {
    Hash(Sha256::digest(to_bytes(site)).into())
}

/// A text that the database can hold and people can read: something, not too much, nothing invisible.
pub(super) fn visible(text: &str, most: usize) -> Option<&str> {
    let is_fine = (1..=most).contains(&text.chars().count()) && !text.contains(char::is_control);
    is_fine.then_some(text)
}

/// Looks at a whole site message; gives its rules.
///
/// # Errors
/// Something in it cannot be; the text says what.
pub(super) fn checked(site: &Site) -> Result<Vec<Rule>, Refusal> {
    check(site).map_err(|what| Refusal::new(Reason::Garbled, format!("the site message: {what}")))
}

fn check(site: &Site) -> Result<Vec<Rule>, String> {
    if [site.people.len(), site.units.len(), site.devices.len()].iter().any(|count| *count > THINGS_MAX) {
        return Err(format!("it has at most {THINGS_MAX} people, units and devices each"));
    }
    visible(&site.name, NAME_MAX).ok_or("the site has no readable name")?;
    jiff::tz::TimeZone::get(&site.zone).map_err(|_| "its time zone is unknown".to_owned())?;
    for person in &site.people {
        visible(&person.name, NAME_MAX).ok_or("a person has no readable name")?;
        let is_hash = person.pin_hash.starts_with("$argon2id$") && visible(&person.pin_hash, 512).is_some();
        is_hash.then_some(()).ok_or("a PIN's hash is none of Argon2id")?;
    }
    let units = site.units.iter().map(|unit| unit.id).collect::<BTreeSet<_>>();
    let people = site.people.iter().map(|person| person.id).collect::<BTreeSet<_>>();
    let devices = site.devices.iter().map(|device| device.id).collect::<BTreeSet<_>>();
    let addresses = site.devices.iter().map(|device| device.address.as_str()).collect::<BTreeSet<_>>();
    let points = || site.devices.iter().flat_map(|device| &device.points);
    let distinct = points().map(|point| point.id).collect::<BTreeSet<_>>();
    let told =
        [site.units.len(), site.people.len(), site.devices.len(), site.devices.len(), points().count()];
    if told != [units.len(), people.len(), devices.len(), addresses.len(), distinct.len()] {
        return Err("an id or address is there twice".to_owned());
    }
    if points().any(|point| !units.contains(&point.unit)) {
        return Err("a point measures a unit that is not there".to_owned());
    }
    site.devices.iter().try_for_each(check_device)?;
    let rules = site.units.iter().map(rules_of).collect::<Result<Vec<_>, _>>()?;
    Ok(rules.into_iter().flatten().collect())
}

fn check_device(device: &Device) -> Result<(), String> {
    visible(&device.address, 32).ok_or("a device has no readable address of at most 32 characters")?;
    visible(&device.model, 64).ok_or("a device has no readable model of at most 64 characters")?;
    let channels = device.points.iter().map(|point| point.channel.to_string()).collect::<BTreeSet<_>>();
    let is_distinct = channels.len() == device.points.len();
    is_distinct.then_some(()).ok_or_else(|| "a device has a channel twice".to_owned())
}

/// A value that was set at the unit itself; what it inherits is not its own.
fn own<T>(field: Field<T>) -> Option<T> {
    (field.provenance == Provenance::Unit).then_some(field.value)
}

/// What a unit of a hub says of its limits. Somebody has set the one limit that it has, or both, at the unit itself: the
/// one that it does not have is off there, and so the cloud never sets one by a template behind their back.
fn limits(thermal: &ThermalRule) -> Values {
    let bound = |limit: Option<Field<CentiCelsius>>| match limit {
        None => Some(Bound::Off),
        Some(limit) => own(limit).map(Bound::At),
    };
    Values {
        min: bound(thermal.min),
        max: bound(thermal.max),
        inclusive: thermal.inclusive.then_some(true),
        hysteresis: own(thermal.hysteresis),
        delay: own(thermal.delay),
        off_delay: own(thermal.off_delay),
        severity: own(thermal.severity),
        ..Values::default()
    }
}

fn silence(silence: &SilenceRule) -> Values {
    Values {
        expected: own(silence.expected),
        late_after: own(silence.late_after),
        lost_after: own(silence.lost_after),
        silence_severity: own(silence.severity),
        ..Values::default()
    }
}

fn rules_of(unit: &Unit) -> Result<Vec<Rule>, String> {
    visible(&unit.name, NAME_MAX).ok_or("a unit has no readable name")?;
    unit.kind.parse::<UnitType>().map_err(|fault| format!("the kind of a unit: {fault}"))?;
    let rules: UnitRules =
        serde_json::from_str(&unit.rules).map_err(|fault| format!("the rules of a unit: {fault}"))?;
    rules.check().map_err(|fault| format!("the rules of a unit: {fault}"))?;
    let said = [
        (Slot::Temperature, rules.thermal.as_ref().map(limits)),
        (Slot::Silence, Some(silence(&rules.silence)).filter(|said| *said != Values::default())),
    ];
    let rule = |(slot, values): (Slot, Option<Values>)| Some(Rule { unit: unit.id, slot, values: values? });
    Ok(said.into_iter().filter_map(rule).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::alarm::Severity;
    use frostguard_shared::ids::{DeviceId, PersonId, PointId, SiteId, UnitId};
    use frostguard_shared::point::{Channel, Role};
    use frostguard_shared::quantity::CentiDegrees;
    use frostguard_shared::time::DurationMs;
    use frostguard_shared::wire::site::{Person, Point};

    fn rules() -> UnitRules {
        let thermal = ThermalRule {
            min: None,
            max: Some(Field::unit(CentiCelsius::literal(-1_500))),
            inclusive: false,
            hysteresis: Field::system(CentiDegrees::HALF_A_DEGREE),
            delay: Field::unit(DurationMs::seconds(90)),
            off_delay: Field::system(DurationMs::seconds(60)),
            severity: Field::unit(Severity::Critical),
        };
        UnitRules { thermal: Some(thermal), silence: SilenceRule::DEFAULT }
    }

    fn good() -> Site {
        let unit = UnitId::from_bytes([2; 16]);
        Site {
            id: SiteId::from_bytes([1; 16]),
            name: "Kitchen".into(),
            zone: "Europe/Berlin".into(),
            people: vec![Person {
                id: PersonId::from_bytes([3; 16]),
                name: "Ada".into(),
                pin_hash: "$argon2id$v=19$m=1,t=1,p=1$x$y".into(),
            }],
            units: vec![Unit {
                id: unit,
                name: "Freezer".into(),
                kind: "freezer".into(),
                rules: serde_json::to_string(&rules()).unwrap(),
            }],
            devices: vec![Device {
                id: DeviceId::from_bytes([4; 16]),
                model: "lht65".into(),
                address: "A840410000000001".into(),
                points: vec![Point {
                    id: PointId::from_bytes([5; 16]),
                    channel: Channel::Air,
                    unit,
                    role: Role::Air,
                }],
            }],
        }
    }

    #[test]
    fn what_a_unit_says_is_kept_and_what_it_inherits_is_left_open() {
        let rows = check(&good()).unwrap();
        assert_eq!(rows.len(), 1, "nothing was said of silence: {rows:?}");
        let said = Values {
            min: Some(Bound::Off),
            max: Some(Bound::At(CentiCelsius::literal(-1_500))),
            delay: Some(DurationMs::seconds(90)),
            severity: Some(Severity::Critical),
            ..Values::default()
        };
        assert_eq!((rows[0].slot, rows[0].values), (Slot::Temperature, said));
        let mut site = good();
        let mut own = rules();
        own.silence.lost_after = Field::unit(9);
        site.units[0].rules = serde_json::to_string(&own).unwrap();
        let rows = check(&site).unwrap();
        let said = Values { lost_after: Some(9), ..Values::default() };
        assert_eq!((rows[1].slot, rows[1].values), (Slot::Silence, said));
    }

    #[test]
    fn what_a_hub_has_from_a_template_is_not_its_unit_s_own() {
        let mut site = good();
        let mut told = rules();
        let thermal = told.thermal.as_mut().unwrap();
        let of_template = |value| Field { value, provenance: Provenance::Template };
        thermal.min = Some(of_template(CentiCelsius::literal(-3_000)));
        thermal.delay = Field { value: DurationMs::minutes(30), provenance: Provenance::Template };
        thermal.inclusive = true;
        thermal.hysteresis = Field::unit(CentiDegrees::new(80).unwrap());
        thermal.off_delay = Field::unit(DurationMs::minutes(3));
        site.units[0].rules = serde_json::to_string(&told).unwrap();
        let said = check(&site).unwrap()[0].values;
        assert_eq!((said.min, said.delay), (None, None));
        assert_eq!((said.inclusive, said.hysteresis), (Some(true), CentiDegrees::new(80).ok()));
        assert_eq!(said.off_delay, Some(DurationMs::minutes(3)));
    }

    #[test]
    fn a_unit_without_limits_says_nothing_of_them() {
        let mut site = good();
        let unguarded = UnitRules { thermal: None, silence: SilenceRule::DEFAULT };
        site.units[0].rules = serde_json::to_string(&unguarded).unwrap();
        assert_eq!(check(&site).unwrap(), []);
    }

    #[test]
    fn a_site_that_cannot_be_is_refused_as_a_whole() {
        let wrong: [fn(&mut Site); 12] = [
            |site| site.name = "a\0b".into(),
            |site| site.zone = "Mars/Base".into(),
            |site| site.people[0].pin_hash = "1234".into(),
            |site| site.people[0].name = String::new(),
            |site| site.units[0].kind = "sauna".into(),
            |site| site.units[0].rules = "{}".into(),
            |site| site.units[0].name = "x".repeat(257),
            |site| site.units.push(site.units[0].clone()),
            |site| site.devices[0].points[0].unit = UnitId::from_bytes([9; 16]),
            |site| site.devices[0].address = "x".repeat(33),
            |site| {
                let again = Point { id: PointId::from_bytes([6; 16]), ..site.devices[0].points[0].clone() };
                site.devices[0].points.push(again);
            },
            |site| {
                let again =
                    Device { id: DeviceId::from_bytes([7; 16]), points: vec![], ..site.devices[0].clone() };
                site.devices.push(again);
            },
        ];
        assert!(check(&good()).is_ok());
        for (at, spoil) in wrong.into_iter().enumerate() {
            let mut site = good();
            spoil(&mut site);
            assert!(check(&site).is_err(), "number {at} was taken");
        }
    }
}
