//! Enrolment: a claim code makes a hub a hub of a site, once.
//!
//! Everything happens in one transaction: the code is used up, the hub is kept, and the site takes over what the hub
//! knows, or nothing of it. The same hub that asks again with the same code and key is answered the same again, for the
//! first answer may have been lost.

use super::HubState;
use super::body::{Packed, Refusal, Reply};
use super::site::{checked, hash, visible};
use crate::store::adoption::{self, Place, Told};
use crate::store::doors::{self, Claim, SecretHash, Use};
use crate::store::fleet::{self, Had, NewHub, Premises, Units};
use crate::store::{Duty, TenantTx};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use frostguard_shared::signature::{enrol_text, enrolled_text};
use frostguard_shared::wire::login::{Enrol, EnrolReply, Takeover};
use frostguard_shared::wire::{Reason, path};

/// The route of a hub that has a claim code.
pub fn routes() -> Router<HubState> {
    Router::new().route(path::ENROL, post(enrol))
}

async fn enrol(
    State(state): State<HubState>,
    Packed(asked): Packed<Enrol>,
) -> Result<Reply<EnrolReply>, Refusal> {
    visible(&asked.name, 256).ok_or_else(|| Refusal::new(Reason::Garbled, "the hub has no readable name"))?;
    let told = checked(&asked.site)?;
    let text = enrol_text(asked.hub, asked.key, &asked.secret);
    let proved = asked.key.verify(&text, &asked.signature);
    proved.map_err(|_| Refusal::new(Reason::Signature, "the signature does not fit the hub's key"))?;
    let code = SecretHash::of(&asked.secret);
    let mut door = state.database.door(Duty::Ingest).await?;
    let claim = doors::claim(&mut door, code, asked.hub).await?.ok_or_else(no_such_code)?;
    let mut tx = door.into_tenant(claim.organization).await?;
    let premises = fleet::lock_premises(&mut tx, claim.site).await?.ok_or_else(no_such_code)?;
    match fleet::known(&mut tx, asked.hub).await? {
        Some(known) => {
            let is_same = claim.used == Use::BySameHub && known.key == asked.key && known.site == claim.site;
            is_same.then_some(()).ok_or_else(already)?;
        }
        None => join(&mut tx, &asked, &claim, &premises, (code, &told)).await?,
    }
    tx.commit().await?;
    Ok(Reply(EnrolReply {
        cloud: state.key.public(),
        signature: state.key.sign(&enrolled_text(asked.hub, asked.key, &asked.secret)),
        site: claim.site,
        site_name: premises.site_name,
        organization_name: premises.organization_name,
    }))
}

fn no_such_code() -> Refusal {
    Refusal::new(Reason::ClaimCode, "the claim code is unknown, used or expired")
}

fn already() -> Refusal {
    Refusal::new(Reason::AlreadyEnrolled, "a hub of this id is enrolled already")
}

/// Uses the code up, keeps the hub, and has the site take over what it knows.
async fn join(
    tx: &mut TenantTx,
    asked: &Enrol,
    claim: &Claim,
    premises: &Premises,
    (code, told): (SecretHash, &Told),
) -> Result<(), Refusal> {
    let units = match asked.takeover {
        Takeover::Discard => Units::Discarded,
        // Where either has no units, there is nothing to choose.
        Takeover::Ask if premises.units > 0 && !asked.site.units.is_empty() => {
            let what = format!("{} has units already: say --adopt or --discard", premises.site_name);
            return Err(Refusal::new(Reason::SiteNotEmpty, what));
        }
        Takeover::Ask | Takeover::Adopt => Units::Adopted,
    };
    // Of two that show one code at once, the second waits here for the first.
    if fleet::use_claim_code(tx, code, asked.hub).await? == Had::Before {
        return Err(no_such_code());
    }
    let hub = NewHub {
        id: asked.hub,
        site: claim.site,
        name: &asked.name,
        key: asked.key,
        units,
        site_hash: hash(&asked.site),
    };
    // Nobody of this organization has the id, so if it is taken, another organization's hub has it.
    if fleet::add_hub(tx, &hub).await? == Had::Before {
        return Err(already());
    }
    if units == Units::Adopted {
        if premises.units == 0 {
            adoption::take_zone(tx, claim.site, &asked.site.zone).await?;
        }
        let place = Place { hub: asked.hub, site: claim.site };
        adoption::take(tx, place, &asked.site, told).await?;
    }
    Ok(())
}
