//! People who sign in: made, listed, given a new password and removed by an operator.
//!
//! Runs with the login of whoever migrated. A password comes by standard input and nowhere else: arguments are seen by
//! everybody on the machine.

use super::access::{named, organization, show, unix_ms};
use super::{Failure, Output, database};
use crate::config::Config;
use crate::entropy;
use crate::sign_in::counted_under;
use crate::sign_in::password::Password;
use crate::store::Duty;
use crate::store::doors::Role;
use crate::store::people::{self, Added, Member};
use clap::Subcommand;
use frostguard_shared::ids::{IdRandom, PersonId};
use serde_json::json;
use std::io::{IsTerminal, Read};
use uuid::Uuid;

/// More than any password that is taken, with the end of its line.
const INPUT_MAX: u64 = 4_096;

#[derive(Subcommand)]
pub(super) enum PersonCommand {
    /// Make somebody a member of an organization, who signs in with the password on standard input
    Add {
        /// What people call them
        name: String,
        /// The mail with which they sign in
        #[arg(long, value_name = "MAIL")]
        email: String,
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        organization: String,
        /// What they may do: viewer, staff, manager, admin or owner
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        output: Output,
    },
    /// List the members of an organization who can sign in
    List {
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        organization: String,
        #[command(flatten)]
        output: Output,
    },
    /// Give somebody the password on standard input, which ends all of their sessions
    Password {
        /// The mail with which they sign in
        #[arg(long, value_name = "MAIL")]
        email: String,
        #[command(flatten)]
        output: Output,
    },
    /// End somebody's membership of an organization, at once; what they did stays written down
    Remove {
        /// The mail with which they sign in
        #[arg(long, value_name = "MAIL")]
        email: String,
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        organization: String,
        #[command(flatten)]
        output: Output,
    },
}

/// A mail as it is kept: what has a name, one at sign and a domain, and nothing that cannot be seen.
fn mail(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    let has_sides = text
        .split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'));
    let is_plain = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if has_sides && is_plain && text.len() <= 254 {
        Ok(text)
    } else {
        Err(format!("\"{text}\" is no mail address").into())
    }
}

/// The password on standard input: its first line, or all of it if there is no other.
fn password(input: impl Read) -> Result<Password, Failure> {
    let mut text = String::new();
    input.take(INPUT_MAX).read_to_string(&mut text)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.contains(['\n', '\0']) {
        return Err("standard input holds more than one line: a password is one".into());
    }
    Ok(Password::chosen(text.to_owned())?)
}

fn password_typed() -> Result<Password, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("frostguard-cloud: type the password and Enter, then Ctrl-D; it is shown as you type");
    }
    password(input.lock())
}

fn new_id() -> Result<Uuid, Failure> {
    let random: IdRandom = entropy::bytes()?;
    Ok(uuid::Builder::from_unix_timestamp_millis(unix_ms(), &random).into_uuid())
}

struct New {
    name: String,
    email: String,
    slug: String,
    role: Role,
}

async fn add(config: &Config, new: New, output: &Output) -> Result<(), Failure> {
    let (name, email) = (named(&new.name)?, mail(&new.email)?);
    let database = database(config).await?;
    let owner = organization(&database, &new.slug).await?;
    let mut tx = database.tenant(owner.id, Duty::Operator).await?;
    // Whoever signs in to another organization already keeps their password.
    let known = people::user(&mut tx, email).await?;
    let user = match known {
        Some(user) => user,
        None => {
            let hash = password_typed()?.hash(&entropy::bytes()?)?;
            people::add_user(&mut tx, new_id()?, email, &hash).await?
        }
    };
    let person = PersonId::from_bytes(new_id()?.into_bytes());
    let member = Member { person, user, name: name.to_owned(), email: email.to_owned(), role: new.role };
    if people::add_member(&mut tx, &member, new_id()?).await? == Added::Already {
        return Err(format!("{email} is a member of {} already", new.slug).into());
    }
    tx.commit().await?;
    let machine = json!({"id": person, "name": name, "email": email, "role": new.role.word(),
                         "organization": new.slug, "had_password": known.is_some()});
    let signs_in = if known.is_some() { "with the password that they have" } else { "with this password" };
    let people = format!("{person}  {email}\n\n{name} signs in to {} {signs_in}.", new.slug);
    show(output, &machine, &people)
}

async fn list(config: &Config, slug: &str, output: &Output) -> Result<(), Failure> {
    let database = database(config).await?;
    let owner = organization(&database, slug).await?;
    let mut tx = database.tenant(owner.id, Duty::Operator).await?;
    let all = people::members(&mut tx).await?;
    let machine = all
        .iter()
        .map(|one| json!({"id": one.person, "name": one.name, "email": one.email, "role": one.role.word()}))
        .collect();
    let people =
        all.iter().map(|one| format!("{}  {}  {}  {}\n", one.person, one.email, one.role.word(), one.name));
    show(output, &machine, &people.collect::<String>())
}

async fn change_password(config: &Config, email: &str, output: &Output) -> Result<(), Failure> {
    let email = mail(email)?;
    let hash = password_typed()?.hash(&entropy::bytes()?)?;
    let database = database(config).await?;
    let mut tx = database.door(Duty::Operator).await?;
    if !people::set_password(&mut tx, email, counted_under(email), &hash).await? {
        return Err(format!("nobody signs in as {email}").into());
    }
    tx.commit().await?;
    let people = format!("{email} has a new password and is signed out everywhere");
    show(output, &json!({"email": email, "changed": true}), &people)
}

async fn remove(config: &Config, email: &str, slug: &str, output: &Output) -> Result<(), Failure> {
    let email = mail(email)?;
    let database = database(config).await?;
    let owner = organization(&database, slug).await?;
    let mut tx = database.tenant(owner.id, Duty::Operator).await?;
    let wanted = email.to_lowercase();
    let members = people::members(&mut tx).await?;
    let member = members.into_iter().find(|member| member.email.to_lowercase() == wanted);
    let member = member.ok_or_else(|| format!("{slug} has no member who signs in as {email}"))?;
    people::remove_member(&mut tx, member.user).await?;
    tx.commit().await?;
    let machine = json!({"id": member.person, "email": member.email, "organization": slug, "removed": true});
    show(output, &machine, &format!("{} is no member of {slug} any more", member.email))
}

impl PersonCommand {
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        match self {
            Self::Add { name, email, organization: slug, role, output } => {
                add(config, New { name, email, slug, role }, &output).await
            }
            Self::List { organization: slug, output } => list(config, &slug, &output).await,
            Self::Password { email, output } => change_password(config, &email, &output).await,
            Self::Remove { email, organization: slug, output } => {
                remove(config, &email, &slug, &output).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_has_two_sides_and_nothing_that_cannot_be_seen() {
        assert_eq!(mail(" olivia@nord.example ").unwrap(), "olivia@nord.example");
        for wrong in [
            "",
            "olivia",
            "@nord",
            "olivia@",
            "a b@c",
            "a@b@c",
            "a@b\u{7}",
            &format!("{}@x", "a".repeat(253)),
        ] {
            assert!(mail(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_password_is_the_one_line_of_standard_input() {
        let right = Password::typed("twelve letters".to_owned());
        for text in ["twelve letters", "twelve letters\n", "twelve letters\r\n"] {
            assert!(password(text.as_bytes()).unwrap() == right, "{text:?}");
        }
        for wrong in ["", "\n", "too short\n", "twelve letters\nand more\n"] {
            assert!(password(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert!(password(&b"\xff\xfe is no text at all"[..]).is_err());
    }
}
