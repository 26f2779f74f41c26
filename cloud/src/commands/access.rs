//! What lets somebody in: organizations, sites, claim codes and API keys, made by an operator.
//!
//! Runs with the login of whoever migrated, never with the service's. A code or key is shown once; the database keeps
//! its hash.

use super::{Failure, Output, database};
use crate::config::Config;
use crate::store::doors::{Role, SecretHash};
use crate::store::operators::{self, Organization, Site, Taken};
use crate::store::{Database, Duty};
use crate::{clock, entropy, key};
use clap::Subcommand;
use frostguard_shared::claim::{ClaimCode, Invitation};
use frostguard_shared::ids::{IdRandom, OrganizationId, SiteId};
use frostguard_shared::time::WallMs;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;
use std::io::Write;
use uuid::Uuid;

/// What an API key begins with, so that one that has leaked is found by whoever looks for it.
const KEY_PREFIX: &str = "fg_";
/// How long a claim code can be good: 1 minute to 30 days.
const VALID_MS: std::ops::RangeInclusive<i64> = 60_000..=30 * 86_400_000;

#[derive(Subcommand)]
pub(super) enum OrganizationCommand {
    /// Make an organization
    Add {
        /// What people call it
        name: String,
        /// Its short name in commands; made from its name if not given
        #[arg(long)]
        slug: Option<String>,
        /// Its IANA time zone
        #[arg(long, default_value = "UTC")]
        zone: String,
        #[command(flatten)]
        output: Output,
    },
    /// List the organizations
    List(Output),
}

#[derive(Subcommand)]
pub(super) enum SiteCommand {
    /// Make a site of an organization
    Add {
        /// What people call it
        name: String,
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        organization: String,
        /// Its IANA time zone
        #[arg(long, default_value = "UTC")]
        zone: String,
        #[command(flatten)]
        output: Output,
    },
    /// List the sites
    List {
        /// Of this organization alone
        #[arg(long, value_name = "SLUG")]
        organization: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

/// Make a code with which one hub becomes a hub of a site.
#[derive(clap::Args)]
pub(super) struct ClaimCodeCommand {
    /// The site's id or name
    #[arg(long, value_name = "ID|NAME")]
    site: String,
    /// The short name of its organization, where sites of several have that name
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// How long the code is good, as in 30m or 24h
    #[arg(long, value_name = "TIME", default_value = "24h")]
    valid: jiff::SignedDuration,
    #[command(flatten)]
    output: Output,
}

#[derive(Subcommand)]
pub(super) enum ApiKeyCommand {
    /// Make a key and show it, once
    Add {
        /// What it is for
        name: String,
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        organization: String,
        /// What it may do: viewer, staff, manager, admin or owner
        #[arg(long, default_value = "viewer")]
        role: Role,
        #[command(flatten)]
        output: Output,
    },
    /// List the keys of an organization, without the keys themselves
    List {
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        organization: String,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a key, at once and for good
    Revoke {
        /// The key's id, as the list shows it
        id: Uuid,
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        organization: String,
        #[command(flatten)]
        output: Output,
    },
}

pub(super) fn show(output: &Output, machine: &serde_json::Value, people: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if output.json {
        writeln!(out, "{machine}")?
    } else {
        writeln!(out, "{}", people.trim_end())?
    }
    Ok(())
}

/// A name as the database holds it: something, and not too much.
pub(super) fn named(name: &str) -> Result<&str, Failure> {
    let name = name.trim();
    if (1..=256).contains(&name.chars().count()) && !name.contains(char::is_control) {
        Ok(name)
    } else {
        Err("a name has 1 to 256 characters, all of them visible".into())
    }
}

fn known_zone(zone: &str) -> Result<&str, Failure> {
    jiff::tz::TimeZone::get(zone).map_err(|fault| format!("\"{zone}\" is no time zone: {fault}"))?;
    Ok(zone)
}

/// A short name: lower-case letters, digits and single hyphens between them.
fn slug_of(name: &str) -> Result<String, Failure> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric();
    let words = name.split(|letter| !is_plain(letter)).filter(|word| !word.is_empty()).collect::<Vec<_>>();
    let slug = words.join("-").to_ascii_lowercase();
    if (1..=64).contains(&slug.len()) {
        Ok(slug)
    } else {
        Err(format!("no short name can be made of \"{name}\": say one with --slug").into())
    }
}

pub(super) fn unix_ms() -> u64 {
    clock::now().0.max(0) as u64
}

fn date(at: WallMs) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

pub(super) async fn organization(database: &Database, slug: &str) -> Result<Organization, Failure> {
    let mut tx = database.door(Duty::Operator).await?;
    let known = operators::organizations(&mut tx).await?.into_iter().find(|known| known.slug == slug);
    let hint = "`frostguard-cloud organization list` shows which there are";
    known.ok_or_else(|| format!("no organization has the short name \"{slug}\"; {hint}").into())
}

/// The one site that is meant.
fn pick(sites: Vec<Site>, wanted: &str, slug: Option<&str>) -> Result<Site, Failure> {
    let is_meant = |site: &Site| {
        (site.id.to_string() == wanted || site.name == wanted) && slug.is_none_or(|slug| site.slug == slug)
    };
    let mut meant = sites.into_iter().filter(is_meant).collect::<Vec<_>>();
    match (meant.pop(), meant.pop()) {
        (Some(site), None) => Ok(site),
        (None, _) => {
            Err(format!("no site is \"{wanted}\"; `frostguard-cloud site list` shows which there are").into())
        }
        (Some(one), Some(other)) => {
            let told = format!("{} of {} and {} of {}", one.id, one.slug, other.id, other.slug);
            Err(format!("several sites are called \"{wanted}\": {told}; name one by its id").into())
        }
    }
}

impl OrganizationCommand {
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        let database = database(config).await?;
        match self {
            Self::Add { name, slug, zone, output } => {
                let name = named(&name)?;
                let made = slug_of(slug.as_deref().unwrap_or(name))?;
                let slug = match slug {
                    Some(slug) if slug != made => {
                        return Err(format!("\"{slug}\" is no short name; \"{made}\" is").into());
                    }
                    _ => made,
                };
                let id = OrganizationId::v7(unix_ms(), entropy::bytes::<{ size_of::<IdRandom>() }>()?);
                let mut tx = database.tenant(id, Duty::Operator).await?;
                if operators::add_organization(&mut tx, name, &slug, known_zone(&zone)?).await?
                    == Taken::NameTaken
                {
                    return Err(format!("another organization has the short name \"{slug}\"").into());
                }
                tx.commit().await?;
                show(&output, &json!({"id": id, "name": name, "slug": slug}), &format!("{slug}  {id}"))
            }
            Self::List(output) => {
                let mut tx = database.door(Duty::Operator).await?;
                let all = operators::organizations(&mut tx).await?;
                let machine = all
                    .iter()
                    .map(|one| json!({"id": one.id, "name": one.name, "slug": one.slug, "created_at": date(one.created)}))
                    .collect();
                let people = all.iter().map(|one| format!("{}  {}  {}\n", one.slug, one.id, one.name));
                show(&output, &machine, &people.collect::<String>())
            }
        }
    }
}

impl SiteCommand {
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        let database = database(config).await?;
        match self {
            Self::Add { name, organization: slug, zone, output } => {
                let (name, zone) = (named(&name)?, known_zone(&zone)?);
                let owner = organization(&database, &slug).await?;
                let id = SiteId::v7(unix_ms(), entropy::bytes::<{ size_of::<IdRandom>() }>()?);
                let mut tx = database.tenant(owner.id, Duty::Operator).await?;
                operators::add_site(&mut tx, id, name, zone).await?;
                tx.commit().await?;
                let machine = json!({"id": id, "name": name, "zone": zone, "organization": slug});
                show(&output, &machine, &format!("{id}  {name}"))
            }
            Self::List { organization, output } => {
                let mut tx = database.door(Duty::Operator).await?;
                let mut all = operators::sites(&mut tx).await?;
                all.retain(|site| organization.as_ref().is_none_or(|slug| site.slug == *slug));
                let machine = all
                    .iter()
                    .map(|one| json!({"id": one.id, "name": one.name, "zone": one.zone, "organization": one.slug}))
                    .collect();
                let people = all.iter().map(|one| format!("{}  {}  {}\n", one.id, one.slug, one.name));
                show(&output, &machine, &people.collect::<String>())
            }
        }
    }
}

impl ClaimCodeCommand {
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        let valid_ms = i64::try_from(self.valid.as_millis()).unwrap_or(i64::MAX);
        if !VALID_MS.contains(&valid_ms) {
            return Err("a claim code is good for 1 minute to 30 days".into());
        }
        let cloud = key::open(&config.key_file)?.public().fingerprint();
        let database = database(config).await?;
        let mut tx = database.door(Duty::Operator).await?;
        let sites = operators::sites(&mut tx).await?;
        tx.commit().await?;
        let site = pick(sites, &self.site, self.organization.as_deref())?;
        let code = ClaimCode { secret: entropy::bytes()?, cloud };
        let mut tx = database.tenant(site.organization, Duty::Operator).await?;
        operators::add_claim_code(&mut tx, SecretHash::of(&code.secret), site.id, valid_ms).await?;
        tx.commit().await?;
        let expires = date(WallMs(clock::now().0.saturating_add(valid_ms)));
        let invitation = Invitation { cloud: Some(config.public_url.clone()), code };
        let (code, link) = (invitation.code.to_string(), invitation.to_string());
        let machine = json!({"code": code, "link": link, "site": site.id, "organization": site.slug, "expires_at": expires});
        // Terminals write light on dark: what is written is the light half, the quiet zone with it.
        let qr = qrcode::QrCode::new(link.as_bytes())?
            .render()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        let people = format!(
            "{qr}\n\n{code}\n{link}\n\nIt makes one hub a hub of {} ({}), until {expires}. On the hub:\n  \
             frostguard-edge enrol '{link}'",
            site.name, site.slug
        );
        show(&self.output, &machine, &people)
    }
}

impl ApiKeyCommand {
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        let database = database(config).await?;
        match self {
            Self::Add { name, organization: slug, role, output } => {
                let name = named(&name)?;
                let owner = organization(&database, &slug).await?;
                let key = format!("{KEY_PREFIX}{}", hex::encode(entropy::bytes::<32>()?));
                let random: IdRandom = entropy::bytes()?;
                let id = uuid::Builder::from_unix_timestamp_millis(unix_ms(), &random).into_uuid();
                let kept = (SecretHash::of(key.as_bytes()), &key[key.len() - 4..]);
                let mut tx = database.tenant(owner.id, Duty::Operator).await?;
                operators::add_api_key(&mut tx, id, name, kept, role).await?;
                tx.commit().await?;
                let machine =
                    json!({"id": id, "key": key, "name": name, "role": role.word(), "organization": slug});
                let people = format!(
                    "{key}\n\nIt is shown this once. Its id is {id}; as {}, for {slug}.",
                    role.word()
                );
                show(&output, &machine, &people)
            }
            Self::List { organization: slug, output } => {
                let owner = organization(&database, &slug).await?;
                let mut tx = database.tenant(owner.id, Duty::Operator).await?;
                let all = operators::api_keys(&mut tx).await?;
                let machine = all
                    .iter()
                    .map(|one| {
                        json!({"id": one.id, "name": one.name, "last4": one.last4, "role": one.role.word(),
                               "created_at": date(one.created), "revoked_at": one.revoked.map(date)})
                    })
                    .collect();
                let people = all.iter().map(|one| {
                    let state = one.revoked.map_or(String::new(), |at| format!("  revoked {}", date(at)));
                    format!("{}  …{}  {}  {}{state}\n", one.id, one.last4, one.role.word(), one.name)
                });
                show(&output, &machine, &people.collect::<String>())
            }
            Self::Revoke { id, organization: slug, output } => {
                let owner = organization(&database, &slug).await?;
                let mut tx = database.tenant(owner.id, Duty::Operator).await?;
                if !operators::revoke_api_key(&mut tx, id).await? {
                    return Err(format!("{slug} has no key of the id {id}").into());
                }
                tx.commit().await?;
                show(&output, &json!({"id": id, "revoked": true}), &format!("{id} is revoked"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_made_of_a_name() {
        assert_eq!(slug_of("Café  Nord & Söhne").unwrap(), "caf-nord-s-hne");
        assert_eq!(slug_of("north-9").unwrap(), "north-9");
        assert!(slug_of("日本").is_err());
        assert!(slug_of(&"x".repeat(65)).is_err());
    }

    #[test]
    fn a_site_is_picked_by_id_or_name_and_two_of_one_name_are_told_apart() {
        let site = |byte, name: &str, slug: &str| Site {
            id: SiteId::from_bytes([byte; 16]),
            name: name.into(),
            zone: "UTC".into(),
            organization: OrganizationId::from_bytes([byte; 16]),
            slug: slug.into(),
        };
        let all = vec![site(1, "Kitchen", "a"), site(2, "Kitchen", "b"), site(3, "Bar", "b")];
        let id = |picked: Result<Site, Failure>| picked.unwrap().id.as_bytes()[0];
        assert_eq!(id(pick(all.clone(), "Bar", None)), 3);
        assert_eq!(id(pick(all.clone(), "Kitchen", Some("a"))), 1);
        assert_eq!(id(pick(all.clone(), &all[1].id.to_string(), None)), 2);
        let told = pick(all.clone(), "Kitchen", None).unwrap_err().to_string();
        assert!(told.contains("of a") && told.contains("of b"), "{told}");
        assert!(pick(all, "Cellar", None).is_err());
    }

    #[test]
    fn a_name_is_something_and_not_too_much() {
        assert_eq!(named(" North ").unwrap(), "North");
        for wrong in ["", "  ", "a\nb", &"x".repeat(257)] {
            assert!(named(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
