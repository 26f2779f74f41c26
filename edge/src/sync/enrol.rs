//! Enrolment: makes this hub a hub of a site, by a claim code.
//!
//! Owns what is sent and what is believed of the answer: the cloud's key must have the fingerprint that the code
//! carries, and must have signed this very enrolment. Asking again after a lost answer or a power cut is harmless.

use super::batch::Sender;
use super::http::{Address, Failure, Link};
use crate::enrolment::Enrolment;
use frostguard_shared::claim::ClaimCode;
use frostguard_shared::signature::{enrol_text, enrolled_text};
use frostguard_shared::wire::login::{Enrol, EnrolReply, Takeover};
use frostguard_shared::wire::{Reason, path, site};
use thiserror::Error;

/// The hub was not enrolled. Show the message: it says what to do.
#[derive(Debug, Error)]
pub enum EnrolError {
    /// The cloud is not the one that the code is of.
    #[error(
        "this is not the cloud that the claim code is of: its key has another fingerprint. Check the address, and that the code was not read wrong"
    )]
    OtherCloud,
    /// The claim code.
    #[error("the claim code is unknown, used or expired: make a new one in the cloud")]
    ClaimCode(#[source] Failure),
    /// Units on both sides.
    #[error(
        "the site has units already: say --adopt to add this hub's units to them, or --discard to leave this hub's units out"
    )]
    SiteNotEmpty(#[source] Failure),
    /// Ids that are taken.
    #[error("a unit, device or point of this hub belongs to another site or organization in the cloud")]
    ForeignId(#[source] Failure),
    /// Enrolled elsewhere.
    #[error("the cloud knows this hub already, at another site: take it out there first")]
    AlreadyEnrolled(#[source] Failure),
    /// Another refusal, or no answer.
    #[error("the hub could not be enrolled")]
    Failed(#[source] Failure),
}

impl From<Failure> for EnrolError {
    fn from(failure: Failure) -> Self {
        match failure.problem().map(|problem| problem.reason) {
            Some(Reason::ClaimCode) => Self::ClaimCode(failure),
            Some(Reason::SiteNotEmpty) => Self::SiteNotEmpty(failure),
            Some(Reason::ForeignId) => Self::ForeignId(failure),
            Some(Reason::AlreadyEnrolled) => Self::AlreadyEnrolled(failure),
            _ => Self::Failed(failure),
        }
    }
}

/// What is to be enrolled.
pub struct Wish {
    /// The claim code.
    pub code: ClaimCode,
    /// What people call the hub.
    pub name: String,
    /// The site as the hub knows it.
    pub site: site::Site,
    /// What to do if the site has units already.
    pub takeover: Takeover,
}

/// Asks the cloud, and gives the enrolment to be kept.
///
/// # Errors
/// The cloud refuses, cannot be reached, or is not the one that the code is of.
pub async fn enrol(
    link: &Link,
    address: &Address,
    sender: &Sender,
    wish: Wish,
) -> Result<Enrolment, EnrolError> {
    let Wish { code, name, site, takeover } = wish;
    let (hub, key) = (sender.hub, sender.key.public());
    let signature = sender.key.sign(&enrol_text(hub, key, &code.secret));
    let message = Enrol { secret: code.secret, hub, key, signature, name, site, takeover };
    let reply: EnrolReply = link.ask(path::ENROL, &message, None).await?;
    if reply.cloud.fingerprint() != code.cloud {
        return Err(EnrolError::OtherCloud);
    }
    let text = enrolled_text(hub, key, &code.secret);
    reply.cloud.verify(&text, &reply.signature).map_err(|_| EnrolError::OtherCloud)?;
    Ok(Enrolment {
        version: 1,
        hub,
        url: address.to_string(),
        cloud: reply.cloud,
        site: reply.site,
        site_name: reply.site_name,
        organization_name: reply.organization_name,
    })
}
