//! The site as a hub knows it: looked at as a whole before anything of it is taken.
//!
//! Owns the check of a site message, what its rules are as rows, and the route by which a hub tells of a change.

use super::HubState;
use super::body::{Packed, Refusal};
use super::record::Token;
use crate::ingest;
use crate::store::adoption::{self, AdoptionError, Place, Told};
use crate::store::event_log::{self, Noticed};
use crate::store::fleet::{self, Units};
use crate::store::rules::Rule;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use frostguard_shared::chain::Hash;
use frostguard_shared::rules::field::{RuleField, Slot};
use frostguard_shared::rules::inherit::{Said as Words, Saying};
use frostguard_shared::rules::{AlertType, Provenance, UnitRules};
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
    let told = checked(&site)?;
    let (mut tx, session) = token.begin(&state).await?;
    let unknown = || Refusal::new(Reason::UnknownHub, "no such hub is enrolled here");
    let hub = fleet::known(&mut tx, session.hub).await?.ok_or_else(unknown)?;
    if hub.units == Units::Adopted {
        // Two hubs of a site come one after the other.
        fleet::lock_premises(&mut tx, hub.site).await?.ok_or_else(unknown)?;
        let place = Place { hub: session.hub, site: hub.site };
        adoption::take(&mut tx, place, &site, &told).await?;
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

/// Looks at a whole site message; gives what it tells of rules.
///
/// # Errors
/// Something in it cannot be; the text says what.
pub(super) fn checked(site: &Site) -> Result<Told, Refusal> {
    check(site).map_err(|what| Refusal::new(Reason::Garbled, format!("the site message: {what}")))
}

fn check(site: &Site) -> Result<Told, String> {
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
    let mut told = Told::default();
    site.units.iter().try_for_each(|unit| rules_of(unit, &mut told))?;
    Ok(told)
}

fn check_device(device: &Device) -> Result<(), String> {
    visible(&device.address, 32).ok_or("a device has no readable address of at most 32 characters")?;
    visible(&device.model, 64).ok_or("a device has no readable model of at most 64 characters")?;
    let channels = device.points.iter().map(|point| point.channel.to_string()).collect::<BTreeSet<_>>();
    let is_distinct = channels.len() == device.points.len();
    is_distinct.then_some(()).ok_or_else(|| "a device has a channel twice".to_owned())
}

/// What a unit of a hub says itself. What stands in the hub's document for all its units is a word of each of them; what it
/// has from a template or the system is not its own.
///
/// Where a hub's unit has a limit on one side only, the other is off there, so that the cloud never sets one by a template
/// behind the back of whoever wrote it so.
fn words(rules: &UnitRules) -> Words {
    let own = |by| matches!(by, Provenance::Unit | Provenance::Site);
    let fields = rules.fields();
    let said = fields.iter().filter(|(_, _, said)| own(said.provenance));
    let mut words: Words =
        said.map(|(slot, field, said)| ((*slot, *field), Saying::open(said.value))).collect();
    let limits = Slot::of(AlertType::AlarmActive);
    if rules.limits.first().is_some_and(|tier| tier.min.value.is_some() || tier.max.value.is_some()) {
        for (slot, field, said) in &fields {
            let is_limit = matches!(field, RuleField::TempMin | RuleField::TempMax);
            if *slot == limits && is_limit && said.value.is_none() {
                words.insert((*slot, *field), Saying::open(None));
            }
        }
    }
    words
}

fn rules_of(unit: &Unit, into: &mut Told) -> Result<(), String> {
    visible(&unit.name, NAME_MAX).ok_or("a unit has no readable name")?;
    unit.kind.parse::<UnitType>().map_err(|fault| format!("the kind of a unit: {fault}"))?;
    let rules: UnitRules =
        serde_json::from_str(&unit.rules).map_err(|fault| format!("the rules of a unit: {fault}"))?;
    rules.check().map_err(|fault| format!("the rules of a unit: {fault}"))?;
    let words = words(&rules);
    let slots: BTreeSet<Slot> = words.keys().map(|(slot, _)| *slot).collect();
    let of = |slot: Slot| words.iter().filter(move |((of, _), _)| *of == slot).map(|(at, said)| (*at, *said));
    into.rules.extend(slots.into_iter().map(|slot| Rule { unit: unit.id, slot, words: of(slot).collect() }));
    if let Some(area) = rules.area {
        visible(&area, NAME_MAX).ok_or("the area of a unit has no readable name")?;
        into.areas.insert(unit.id, area);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::alarm::Severity;
    use frostguard_shared::ids::{DeviceId, PersonId, PointId, SiteId, UnitId};
    use frostguard_shared::point::{Channel, Role};
    use frostguard_shared::quantity::CentiCelsius;
    use frostguard_shared::rules::field::Setting;
    use frostguard_shared::rules::{Field, SilenceTrigger, ThermalRule};
    use frostguard_shared::time::DurationMs;
    use frostguard_shared::wire::site::{Person, Point};

    const LIMITS: Slot = Slot::of(AlertType::AlarmActive);

    fn rules() -> UnitRules {
        let mut rules = UnitRules::of_limits(ThermalRule {
            max: Field::unit(Some(CentiCelsius::literal(-1_500))),
            delay: Field::unit(DurationMs::seconds(90)),
            ..ThermalRule::DEFAULT
        });
        rules.limits[0].telling.severity = Field::unit(Severity::Critical);
        rules
    }

    fn told(rules: &UnitRules) -> Told {
        let mut site = good();
        site.units[0].rules = serde_json::to_string(rules).unwrap();
        check(&site).unwrap()
    }

    fn words_of<const N: usize>(slot: Slot, words: [(RuleField, Option<Setting>); N]) -> Words {
        words.map(|(field, value)| ((slot, field), Saying::open(value))).into_iter().collect()
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
        let rows = told(&rules()).rules;
        assert_eq!(rows.len(), 1, "nothing was said of silence: {rows:?}");
        let said = words_of(
            LIMITS,
            [
                (RuleField::TempMin, None),
                (RuleField::TempMax, Some(Setting::Celsius(CentiCelsius::literal(-1_500)))),
                // A part of a minute is a whole one there.
                (RuleField::Delay, Some(Setting::Count(2))),
                (RuleField::Severity, Some(Setting::Severity(Severity::Critical))),
            ],
        );
        assert_eq!((rows[0].slot, &rows[0].words), (LIMITS, &said));
        let mut own = rules();
        own.silence.trigger =
            SilenceTrigger::Checkins { late_after: Field::system(1), lost_after: Field::unit(9) };
        let rows = told(&own).rules;
        let silence = Slot::of(AlertType::MonitoringInterrupted);
        let said = words_of(silence, [(RuleField::LostAfter, Some(Setting::Count(9)))]);
        assert_eq!((rows[1].slot, &rows[1].words), (silence, &said));
    }

    #[test]
    fn what_a_hub_has_from_a_template_is_not_its_unit_s_own_and_what_its_document_says_for_all_is() {
        let mut own = rules();
        let limits = &mut own.limits[0];
        let of = |value, provenance| Field { value, provenance };
        limits.min = of(Some(CentiCelsius::literal(-3_000)), Provenance::Template);
        limits.delay = Field { value: DurationMs::minutes(30), provenance: Provenance::Template };
        limits.inclusive = Field::unit(true);
        own.door.warning = Field { value: None, provenance: Provenance::Site };
        let rows = told(&own).rules;
        let said = words_of(
            LIMITS,
            [
                (RuleField::TempMax, Some(Setting::Celsius(CentiCelsius::literal(-1_500)))),
                (RuleField::Inclusive, Some(Setting::Flag(true))),
                (RuleField::Severity, Some(Setting::Severity(Severity::Critical))),
            ],
        );
        assert_eq!(rows[0].words, said);
        let door = Slot::of(AlertType::DoorOpen);
        assert_eq!(rows[1].words, words_of(door, [(RuleField::DoorWarning, None)]));
    }

    #[test]
    fn a_unit_without_limits_says_nothing_of_them() {
        assert_eq!(told(&UnitRules::default()), Told::default());
    }

    #[test]
    fn further_tiers_and_the_area_of_a_unit_are_told_too() {
        let mut own = rules();
        own.limits.push(rules().limits[0]);
        own.area = Some("Cellar".to_owned());
        let told = told(&own);
        let tiers: Vec<u8> = told.rules.iter().map(|rule| rule.slot.tier).collect();
        assert_eq!(tiers, [0, 1]);
        assert!(
            !told.rules[1].words.contains_key(&(told.rules[1].slot, RuleField::TempMin)),
            "no template has any"
        );
        assert_eq!(told.areas.values().collect::<Vec<_>>(), ["Cellar"]);
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
