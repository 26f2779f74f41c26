//! `/units/{unit}/rules`: the rules of a unit with who has said each field, and setting them.
//!
//! What is set is kept, remembered, written into the log and made a document for every hub that guards the unit, in one
//! transaction: either all of that is there, or nothing was changed.

use super::asked::{Asked, Named};
use super::caller::{ApiState, Caller};
use super::problem::{ApiError, BodyRefused, FieldsRefused, NoSuchId, ParameterFault};
use super::right::{Configure, Look};
use super::told::Told;
use crate::clock;
use crate::configuration::fields::{self, Fault};
use crate::configuration::publish::{Made, Occasion, PublishError, publish};
use crate::ingest::fault_point;
use crate::store::audit::{self, Act, By};
use crate::store::rules::{self, Change, Names, RulesError, Said};
use crate::store::views::{self, AlertSeverity, HubConfiguration, UnitType};
use crate::store::{StoreError, TenantTx};
use axum::Json;
use axum::extract::State;
use frostguard_shared::alarm::Severity;
use frostguard_shared::ids::UnitId;
use frostguard_shared::quantity::{CentiCelsius, CentiDegrees};
use frostguard_shared::rules::Provenance;
use frostguard_shared::rules::inherit::{Resolution, Resolved, resolve};
use frostguard_shared::time::DurationMs;
use frostguard_shared::unit;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who has said a value, the nearest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// The unit itself.
    Unit,
    /// Its area.
    Area,
    /// Its site.
    Site,
    /// Its organization.
    Organization,
    /// The template of its kind.
    Template,
    /// Nobody: the system's default.
    System,
}

impl From<Provenance> for Origin {
    fn from(provenance: Provenance) -> Self {
        match provenance {
            Provenance::Unit => Self::Unit,
            Provenance::Area => Self::Area,
            Provenance::Site => Self::Site,
            Provenance::Organization => Self::Organization,
            Provenance::Template => Self::Template,
            Provenance::System => Self::System,
        }
    }
}

macro_rules! resolved_fields {
    ($($(#[$doc:meta])* $name:ident, $inherited:ident: $value:ty;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
        pub(super) struct $name {
            /// What is in force.
            value: $value,
            /// Who has said it.
            provenance: Origin,
            /// The name of the area, site or organization, or the kind of unit whose template it is.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            source_name: Option<String>,
            /// What would be in force if the unit itself said nothing.
            inherited: $inherited,
        }

        /// What is inherited.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
        pub(super) struct $inherited {
            /// The value.
            value: $value,
            /// Who has said it.
            provenance: Origin,
        }

        impl $name {
            fn of<T: Copy>(resolved: Resolved<T>, said: &Said, show: impl Fn(T) -> $value) -> Self {
                let (now, inherited) = (resolved.in_force, resolved.inherited);
                Self {
                    value: show(now.value),
                    provenance: now.provenance.into(),
                    source_name: source(now.provenance, said),
                    inherited: $inherited {
                        value: show(inherited.value),
                        provenance: inherited.provenance.into(),
                    },
                }
            }
        }
    )+};
}

resolved_fields! {
    /// A temperature limit in 0.01 °C; null is none.
    LimitField, InheritedLimit: Option<i32>;
    /// A number.
    NumberField, InheritedNumber: i64;
    /// A yes or no.
    FlagField, InheritedFlag: bool;
    /// How urgent something is.
    SeverityField, InheritedSeverity: AlertSeverity;
}

fn source(provenance: Provenance, said: &Said) -> Option<String> {
    let Names { area, site, organization } = &said.names;
    match provenance {
        Provenance::Area => Some(area.clone()),
        Provenance::Site => Some(site.clone()),
        Provenance::Organization => Some(organization.clone()),
        Provenance::Template => Some(said.kind.word().to_owned()),
        Provenance::Unit | Provenance::System => None,
    }
}

/// The fields of the rules of a unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct RuleFields {
    /// Lowest temperature.
    temp_min_centi_c: LimitField,
    /// Highest temperature.
    temp_max_centi_c: LimitField,
    /// Whether a value on the limit is out of range.
    inclusive: FlagField,
    /// How far inside the limit counts as recovered, in 0.01 °C.
    hysteresis_centi: NumberField,
    /// Minutes out of range before it is an alarm.
    delay_minutes: NumberField,
    /// Minutes in range before it is over.
    off_delay_minutes: NumberField,
    /// How urgent the alarm is.
    severity: SeverityField,
    /// Seconds in which a reading is expected.
    expected_reading_interval_seconds: NumberField,
    /// Missed check-ins after which a sensor is late.
    offline_warning_missed_checkins: NumberField,
    /// Missed check-ins after which a sensor is lost.
    offline_critical_missed_checkins: NumberField,
    /// How urgent it is when all sensors are lost.
    silence_severity: SeverityField,
}

impl RuleFields {
    fn of(resolution: &Resolution, said: &Said) -> Self {
        let limit =
            |of| LimitField::of(of, said, |at: Option<CentiCelsius>| at.map(CentiCelsius::hundredths));
        let minutes = |of| NumberField::of(of, said, |length: DurationMs| length.0 / 60_000);
        let count = |of| NumberField::of(of, said, |count: u32| i64::from(count));
        let severity = |of| SeverityField::of(of, said, severity_of);
        Self {
            temp_min_centi_c: limit(resolution.min),
            temp_max_centi_c: limit(resolution.max),
            inclusive: FlagField::of(resolution.inclusive, said, |yes| yes),
            hysteresis_centi: NumberField::of(resolution.hysteresis, said, |margin: CentiDegrees| {
                i64::from(margin.hundredths())
            }),
            delay_minutes: minutes(resolution.delay),
            off_delay_minutes: minutes(resolution.off_delay),
            severity: severity(resolution.severity),
            expected_reading_interval_seconds: NumberField::of(
                resolution.expected,
                said,
                |length: DurationMs| length.0 / 1_000,
            ),
            offline_warning_missed_checkins: count(resolution.late_after),
            offline_critical_missed_checkins: count(resolution.lost_after),
            silence_severity: severity(resolution.silence_severity),
        }
    }
}

const fn severity_of(severity: Severity) -> AlertSeverity {
    match severity {
        Severity::Info => AlertSeverity::Info,
        Severity::Warning => AlertSeverity::Warning,
        Severity::Critical => AlertSeverity::Critical,
    }
}

const fn kind_of(kind: unit::UnitType) -> UnitType {
    match kind {
        unit::UnitType::Fridge => UnitType::Fridge,
        unit::UnitType::Freezer => UnitType::Freezer,
        unit::UnitType::DisplayCase => UnitType::DisplayCase,
        unit::UnitType::WalkInCooler => UnitType::WalkInCooler,
        unit::UnitType::WalkInFreezer => UnitType::WalkInFreezer,
        unit::UnitType::BlastChiller => UnitType::BlastChiller,
    }
}

/// The limits that may be set from afar; beyond them somebody at the hub has to confirm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct HardLimits {
    /// The lowest, in 0.01 °C.
    min_centi_c: i32,
    /// The highest, in 0.01 °C.
    max_centi_c: i32,
}

/// The rules of a unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct UnitRules {
    /// The unit.
    unit_id: Uuid,
    /// Its name.
    unit_name: String,
    /// What kind of equipment it is.
    unit_type: UnitType,
    /// Each field with who has said it.
    fields: RuleFields,
    /// How far limits may be set from afar.
    hard_limits: HardLimits,
    /// Fields whose value takes effect only when somebody at the hub confirms it.
    warnings: Vec<ParameterFault>,
    /// Each hub that guards the unit, and how far it is with what is desired of it.
    configuration: Vec<HubConfiguration>,
}

/// What is to be set. A field that is left out stays; null takes the unit's own value away, so that it is inherited.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the body, which is read field by field to name every fault at once"
)]
pub(super) struct RulesChange {
    /// Lowest temperature in 0.01 °C, or "off" for none.
    temp_min_centi_c: Option<LimitChange>,
    /// Highest temperature in 0.01 °C, or "off" for none.
    temp_max_centi_c: Option<LimitChange>,
    /// Whether a value on the limit is out of range.
    inclusive: Option<bool>,
    /// How far inside the limit counts as recovered, in 0.01 °C, 0 to 1000, at most a quarter of the band.
    hysteresis_centi: Option<i32>,
    /// Minutes out of range before it is an alarm, 0 to 10080.
    delay_minutes: Option<i32>,
    /// Minutes in range before it is over, 0 to 10080.
    off_delay_minutes: Option<i32>,
    /// How urgent the alarm is.
    severity: Option<AlertSeverity>,
    /// Seconds in which a reading is expected, 60 to 604800.
    expected_reading_interval_seconds: Option<i32>,
    /// Missed check-ins after which a sensor is late, 1 to 1000.
    offline_warning_missed_checkins: Option<i32>,
    /// Missed check-ins after which a sensor is lost, 1 to 1000.
    offline_critical_missed_checkins: Option<i32>,
    /// How urgent it is when all sensors are lost.
    silence_severity: Option<AlertSeverity>,
}

/// A limit, or the word that there shall be none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only describes a part of the body")]
pub(super) enum LimitChange {
    /// In 0.01 °C.
    At(i32),
    /// `off`
    Off(String),
}

impl From<Fault> for ParameterFault {
    fn from(fault: Fault) -> Self {
        Self { parameter: fault.field, detail: fault.detail, allowed: fault.allowed }
    }
}

fn refused(faults: Vec<Fault>) -> ApiError {
    ApiError::Fields(faults.into_iter().map(Into::into).collect())
}

impl From<RulesError> for ApiError {
    fn from(fault: RulesError) -> Self {
        match fault {
            RulesError::Store(fault) => Self::Store(fault),
            RulesError::Entropy(fault) => Self::Entropy(fault),
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(fault: PublishError) -> Self {
        match fault {
            PublishError::Store(fault) => Self::Store(fault),
            PublishError::Compose(fault) => Self::Fields(vec![ParameterFault {
                parameter: "unit".to_owned(),
                detail: fault.to_string(),
                allowed: "rules that go together in every unit of the hub".to_owned(),
            }]),
        }
    }
}

/// The rules of a unit, each field with who has said it.
#[utoipa::path(
    get,
    path = "/units/{unit}/rules",
    tag = "rules",
    params(("unit" = uuid::Uuid, Path, description = "The unit")),
    responses((status = 200, description = "The rules", body = UnitRules), ApiError, NoSuchId)
)]
pub(super) async fn rules(
    mut caller: Caller<Look>,
    Named(unit): Named<UnitId>,
    asked: Asked,
) -> Result<Json<UnitRules>, ApiError> {
    asked.read(|_| ())?;
    let said = said_of(caller.transaction(), unit).await?.ok_or(ApiError::Id)?;
    let shown = shown(caller.transaction(), &said).await?;
    caller.done().await?;
    Ok(Json(shown))
}

/// Sets fields of the rules of a unit. Every hub that guards the unit gets a document with the new rules.
#[utoipa::path(
    patch,
    path = "/units/{unit}/rules",
    tag = "rules",
    params(("unit" = uuid::Uuid, Path, description = "The unit")),
    request_body(content = RulesChange, description = "The fields that are to be set"),
    responses(
        (status = 200, description = "The rules as they are now", body = UnitRules),
        ApiError, NoSuchId, BodyRefused, FieldsRefused
    )
)]
pub(super) async fn change_rules(
    State(state): State<ApiState>,
    mut caller: Caller<Configure>,
    Named(unit): Named<UnitId>,
    asked: Asked,
    Told(body): Told<Map<String, Value>>,
) -> Result<Json<UnitRules>, ApiError> {
    asked.read(|_| ())?;
    let by: By = caller.actor().into();
    let tx = caller.transaction();
    if !rules::hold(tx, unit).await? {
        return Err(ApiError::Id);
    }
    let before = said_of(tx, unit).await?.ok_or(ApiError::Id)?;
    let mut after = before.clone();
    after.scopes.unit = fields::told(&body, &before.scopes.unit).map_err(refused)?;
    let [old, new] = [&before, &after].map(|said| resolve(said.kind, &said.scopes));
    let faults = fields::implausible(&new);
    if !faults.is_empty() {
        return Err(refused(faults));
    }
    let values = (&before.scopes.unit, &after.scopes.unit);
    let changed = rules::change(tx, unit, values, by.person()).await?;
    if !body.is_empty() {
        let changes = fields::changes(&before.name, &old, &new);
        let occasion = Occasion { at: clock::now(), by: by.person(), changes: &changes };
        let made = publish(tx, state.key(), unit, &occasion).await?;
        if !changed.is_empty() || !made.is_empty() {
            log(tx, by, &before, (&changes, &changed, &made)).await?;
        }
    }
    let shown = shown(tx, &after).await?;
    fault_point!("push.document.before_commit");
    caller.done().await?;
    fault_point!("push.document.after_commit");
    Ok(Json(shown))
}

async fn log(
    tx: &mut TenantTx,
    by: By,
    unit: &Said,
    (changes, changed, made): (&[String], &[Change], &[Made]),
) -> Result<(), StoreError> {
    let slots = changed.iter().map(|change| {
        json!({ "alert_type": change.slot.alert_type().word(), "old": change.old, "new": change.new })
    });
    let documents = made.iter().map(|made| json!({ "hub": made.hub, "version": made.version }));
    let data = json!({
        "changes": changes, "rules": slots.collect::<Vec<_>>(), "documents": documents.collect::<Vec<_>>(),
    });
    let title =
        if changes.is_empty() { format!("{}: rules sent again", unit.name) } else { changes.join("; ") };
    let (kind, category) = ("rules.changed", "rules");
    audit::keep(tx, &Act { by, kind, category, title: &title, unit: Some(unit.unit), hub: None, data }).await
}

async fn said_of(tx: &mut TenantTx, unit: UnitId) -> Result<Option<Said>, StoreError> {
    Ok(rules::said(tx, &[unit]).await?.pop())
}

async fn shown(tx: &mut TenantTx, said: &Said) -> Result<UnitRules, StoreError> {
    let resolution = resolve(said.kind, &said.scopes);
    let hard = said.kind.hard_limits();
    Ok(UnitRules {
        unit_id: Uuid::from_bytes(*said.unit.as_bytes()),
        unit_name: said.name.clone(),
        unit_type: kind_of(said.kind),
        fields: RuleFields::of(&resolution, said),
        hard_limits: HardLimits {
            min_centi_c: hard.lowest.hundredths(),
            max_centi_c: hard.highest.hundredths(),
        },
        warnings: fields::beyond_hard_limits(said.kind, &resolution).into_iter().map(Into::into).collect(),
        configuration: views::configurations_of(tx, said.unit).await?,
    })
}
