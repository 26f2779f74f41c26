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
use crate::store::rule_row;
use crate::store::rules::{self, Change, Names, RulesError, Said};
use crate::store::views::{self, AlertSeverity, HubConfiguration, UnitType};
use crate::store::{StoreError, TenantTx};
use axum::Json;
use axum::extract::State;
use frostguard_shared::ids::UnitId;
use frostguard_shared::rules::field::{Kind, RuleField, Setting, Slot};
use frostguard_shared::rules::inherit::{Resolution, resolve};
use frostguard_shared::rules::setting::OFF;
use frostguard_shared::rules::{Provenance, default_of};
use frostguard_shared::unit;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
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

macro_rules! described {
    ($($(#[$doc:meta])* $name:ident, $inherited:ident: $value:ty;)+) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        #[expect(dead_code, reason = "it only describes a field, which is shown by the kind of its value")]
        struct $name {
            /// What is in force.
            value: $value,
            /// Who has said it.
            provenance: Origin,
            /// The name of the area, site or organization, or the kind of unit whose template it is.
            #[schema(nullable = false)]
            source_name: Option<String>,
            /// What would be in force if the unit itself said nothing.
            inherited: $inherited,
            /// Who has locked it, so that whoever is nearer may only be stricter.
            #[schema(nullable = false)]
            locked_by: Option<Origin>,
        }

        /// What is inherited.
        #[derive(ToSchema)]
        #[expect(dead_code, reason = "it only describes a part of a field")]
        struct $inherited {
            /// The value.
            value: $value,
            /// Who has said it.
            provenance: Origin,
        }
    )+

        /// The schemas of all fields, with what they are made of.
        fn field_schemas(into: &mut Vec<(String, RefOr<Schema>)>) {
            $(
                into.push(($name::name().into_owned(), $name::schema()));
                <$name as ToSchema>::schemas(into);
            )+
        }
    };
}

described! {
    /// A temperature limit in 0.01 °C; null is none.
    LimitField, InheritedLimit: Option<i32>;
    /// A number.
    NumberField, InheritedNumber: i64;
    /// A number, or null for none.
    OptionalNumberField, InheritedOptionalNumber: Option<i64>;
    /// A number with at most two decimals.
    DecimalField, InheritedDecimal: f64;
    /// A yes or no.
    FlagField, InheritedFlag: bool;
    /// How urgent something is.
    SeverityField, InheritedSeverity: AlertSeverity;
    /// `consecutive` or `cumulative`.
    TriggerField, InheritedTrigger: String;
    /// Hours of the week; null is always.
    HoursField, InheritedHours: Option<Hours>;
    /// Times of the day as `HH:MM`; null is none.
    TimesField, InheritedTimes: Option<Vec<String>>;
}

/// Hours of some days of the week.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes a value")]
struct Hours {
    /// Days of the week, 0 = Sunday.
    days: Vec<u8>,
    /// The first hour.
    start_hour: u8,
    /// The hour at which it is over; at or before the first it goes on past midnight.
    end_hour: u8,
}

/// True if a field can be without any value: it is off, or nobody has said it and it has no default.
fn is_optional(slot: Slot, field: RuleField) -> bool {
    field.may_be_off() || default_of(slot, field).is_none()
}

/// The name of the schema of a field.
fn schema_of(slot: Slot, field: RuleField) -> Cow<'static, str> {
    match field.kind() {
        Kind::Celsius | Kind::Degrees { .. } | Kind::Count { .. } => {
            match (is_optional(slot, field), field) {
                (_, RuleField::TempMin | RuleField::TempMax) => LimitField::name(),
                (true, _) => OptionalNumberField::name(),
                (false, _) => NumberField::name(),
            }
        }
        Kind::Multiple { .. } => DecimalField::name(),
        Kind::Flag => FlagField::name(),
        Kind::Severity => SeverityField::name(),
        Kind::Trigger => TriggerField::name(),
        Kind::Schedule => HoursField::name(),
        Kind::Times => TimesField::name(),
    }
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

/// A field as it is shown.
#[derive(Clone, PartialEq, Debug, Serialize)]
struct FieldShown {
    value: Value,
    provenance: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_name: Option<String>,
    inherited: InheritedShown,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_by: Option<Origin>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
struct InheritedShown {
    value: Value,
    provenance: Origin,
}

/// The fields of the rules of a unit, by their names.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct RuleFields(BTreeMap<String, FieldShown>);

impl RuleFields {
    fn of(resolution: &Resolution, said: &Said) -> Self {
        let json = |value: Option<Setting>| value.map_or(Value::Null, rule_row::json_of);
        let shown = resolution.fields().map(|(slot, field, resolved)| {
            let (now, inherited) = (resolved.in_force, resolved.inherited);
            let shown = FieldShown {
                value: json(now.value),
                provenance: now.provenance.into(),
                source_name: source(now.provenance, said),
                inherited: InheritedShown {
                    value: json(inherited.value),
                    provenance: inherited.provenance.into(),
                },
                locked_by: resolved.locked_by.map(Into::into),
            };
            (fields::name(slot, field), shown)
        });
        Self(shown.collect())
    }
}

impl PartialSchema for RuleFields {
    fn schema() -> RefOr<Schema> {
        let told = "The fields of the rules of a unit; those of a further tier of limits are there if somebody says \
                    something of the tier";
        let described =
            fields::all().fold(ObjectBuilder::new().description(Some(told)), |object, (slot, field)| {
                let name = fields::name(slot, field);
                let object = if slot.tier == 0 { object.required(&name) } else { object };
                object.property(name, Ref::from_schema_name(schema_of(slot, field)))
            });
        described.into()
    }
}

impl ToSchema for RuleFields {
    fn schemas(into: &mut Vec<(String, RefOr<Schema>)>) {
        field_schemas(into);
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
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
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
pub(super) struct RulesChange;

impl PartialSchema for RulesChange {
    fn schema() -> RefOr<Schema> {
        let told = "What is to be set. A field that is left out stays; null takes the unit's own value away, so that it \
                    is inherited";
        let described = fields::all()
            .fold(ObjectBuilder::new().description(Some(told)), |object, (slot, field)| {
                object.property(fields::name(slot, field), change_of(field))
            });
        described.into()
    }
}

impl ToSchema for RulesChange {
    fn schemas(into: &mut Vec<(String, RefOr<Schema>)>) {
        into.push((Hours::name().into_owned(), Hours::schema()));
    }
}

/// What a field may be set to.
fn change_of(field: RuleField) -> RefOr<Schema> {
    let plain = |kind: Type| ObjectBuilder::new().schema_type(kind).into();
    let value: RefOr<Schema> = match field.kind() {
        Kind::Celsius | Kind::Degrees { .. } | Kind::Count { .. } => plain(Type::Integer),
        Kind::Multiple { .. } => plain(Type::Number),
        Kind::Flag => plain(Type::Boolean),
        Kind::Trigger => plain(Type::String),
        Kind::Severity => Ref::from_schema_name(AlertSeverity::name()).into(),
        Kind::Schedule => Ref::from_schema_name(Hours::name()).into(),
        Kind::Times => ArrayBuilder::new().items(plain(Type::String)).into(),
    };
    let off = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([OFF]));
    let mut either = OneOfBuilder::new().description(Some(fields::allowed(field))).item(value);
    if field.may_be_off() {
        either = either.item(off);
    }
    either.item(plain(Type::Null)).into()
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
    let mut faults = fields::locked(&body, &new);
    faults.extend(fields::implausible(&new));
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
        json!({ "alert_type": change.slot.kind.word(), "tier": change.slot.tier, "old": change.old, "new": change.new })
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
