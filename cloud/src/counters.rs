//! Counters: what an operator sees of how it goes, in Prometheus's text form.
//!
//! Owns the names. A counter of something lost, refused or set aside is named here once, with what it means.

use metrics::{Unit, counter, describe_counter};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// What can be counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    /// Batches taken, of either stream.
    BatchesTaken,
    /// Batches of which every record was held already.
    BatchesRepeated,
    /// Events taken.
    EventsTaken,
    /// Readings taken into their table.
    ReadingsTaken,
    /// Readings set aside in quarantine.
    ReadingsQuarantined,
    /// Readings that a hub has told to be missing.
    ReadingsMissing,
    /// Hubs that came back with less, or something else, than they had sent.
    Rollbacks,
    /// Forks: a known number with another hash, stored as a branch.
    Forks,
    /// Batches that link to nothing held.
    BrokenLinks,
    /// Checkpoints that do not fit their tree or have no valid signature.
    CheckpointsBad,
    /// Seals that do not match their readings.
    SealsBad,
    /// Events whose bytes or place are not what they should be.
    EventsUnreadable,
    /// Facts of events that no projection could use.
    FactsUnused,
    /// Requests that were no message.
    RequestsGarbled,
    /// Requests that were too large.
    RequestsTooLarge,
    /// Requests with no good token.
    TokensRefused,
    /// Times that somebody signed in.
    SignedIn,
    /// Tries to sign in with a wrong mail or password.
    SignInsWrong,
    /// Tries to sign in that were not looked at, because there were too many for the mail.
    SignInsLocked,
    /// The same, because there were too many of the address.
    SignInsOfPeerRefused,
    /// Requests of hubs, no batches, sent away because there was no place at the database for them.
    OthersOfHubsRefused,
    /// Streams of news that found no place.
    StreamsRefused,
    /// Times that somebody who watches was told to begin anew.
    StreamsReset,
    /// Changing requests with a session that came from another page than the cloud's own.
    OriginsRefused,
    /// Requests of callers whose role may not do what they asked.
    RightsRefused,
    /// Logins refused: wrong signature, or a challenge used before.
    LoginsRefused,
    /// Requests of hubs that nobody enrolled.
    HubsUnknown,
    /// Claim codes refused.
    ClaimsRefused,
    /// Batches that came before the events they were made under.
    EventsFirst,
    /// Batches that left a hole.
    Ahead,
    /// Documents made for hubs.
    DocumentsMade,
    /// Documents that a hub has put in force.
    DocumentsApplied,
    /// Documents that a hub has not taken.
    DocumentsNotTaken,
    /// Documents that a hub has taken back.
    DocumentsTakenBack,
    /// Commands made for hubs.
    CommandsMade,
    /// Commands that came to their end at a hub.
    CommandsEnded,
    /// Hubs that found no place to wait.
    PollsTurnedAway,
    /// Times that it could not be looked up what is desired of hubs.
    NewsFailed,
    /// Requests sent away because there was too much at once.
    Busy,
    /// Requests that failed for a fault of our own.
    Failed,
}

impl Count {
    /// All of them.
    pub const ALL: [Self; 40] = [
        Self::BatchesTaken,
        Self::BatchesRepeated,
        Self::EventsTaken,
        Self::ReadingsTaken,
        Self::ReadingsQuarantined,
        Self::ReadingsMissing,
        Self::Rollbacks,
        Self::Forks,
        Self::BrokenLinks,
        Self::CheckpointsBad,
        Self::SealsBad,
        Self::EventsUnreadable,
        Self::FactsUnused,
        Self::RequestsGarbled,
        Self::RequestsTooLarge,
        Self::TokensRefused,
        Self::SignedIn,
        Self::SignInsWrong,
        Self::SignInsLocked,
        Self::SignInsOfPeerRefused,
        Self::OthersOfHubsRefused,
        Self::StreamsRefused,
        Self::StreamsReset,
        Self::OriginsRefused,
        Self::RightsRefused,
        Self::LoginsRefused,
        Self::HubsUnknown,
        Self::ClaimsRefused,
        Self::EventsFirst,
        Self::Ahead,
        Self::DocumentsMade,
        Self::DocumentsApplied,
        Self::DocumentsNotTaken,
        Self::DocumentsTakenBack,
        Self::CommandsMade,
        Self::CommandsEnded,
        Self::PollsTurnedAway,
        Self::NewsFailed,
        Self::Busy,
        Self::Failed,
    ];

    /// Its name and what it means.
    pub const fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::BatchesTaken => ("frostguard_batches_taken_total", "batches taken"),
            Self::BatchesRepeated => ("frostguard_batches_repeated_total", "batches held already"),
            Self::EventsTaken => ("frostguard_events_taken_total", "events taken"),
            Self::ReadingsTaken => ("frostguard_readings_taken_total", "readings taken"),
            Self::ReadingsQuarantined => ("frostguard_readings_quarantined_total", "readings set aside"),
            Self::ReadingsMissing => ("frostguard_readings_missing_total", "readings told to be missing"),
            Self::Rollbacks => ("frostguard_rollbacks_total", "hubs that came back with less or other"),
            Self::Forks => ("frostguard_forks_total", "known numbers with another hash"),
            Self::BrokenLinks => ("frostguard_broken_links_total", "batches that link to nothing held"),
            Self::CheckpointsBad => ("frostguard_checkpoints_bad_total", "checkpoints that do not fit"),
            Self::SealsBad => ("frostguard_seals_bad_total", "seals that do not match their readings"),
            Self::EventsUnreadable => {
                ("frostguard_events_unreadable_total", "events kept but not understood")
            }
            Self::FactsUnused => ("frostguard_facts_unused_total", "facts that no projection could use"),
            Self::RequestsGarbled => ("frostguard_requests_garbled_total", "requests that were no message"),
            Self::RequestsTooLarge => ("frostguard_requests_too_large_total", "requests that were too large"),
            Self::TokensRefused => ("frostguard_tokens_refused_total", "requests without a good token"),
            Self::SignedIn => ("frostguard_signed_in_total", "times that somebody signed in"),
            Self::SignInsWrong => ("frostguard_sign_ins_wrong_total", "wrong mails or passwords"),
            Self::SignInsLocked => ("frostguard_sign_ins_locked_total", "tries beyond those of a mail"),
            Self::SignInsOfPeerRefused => {
                ("frostguard_sign_ins_of_peer_refused_total", "tries beyond those of an address")
            }
            Self::OthersOfHubsRefused => {
                ("frostguard_others_of_hubs_refused_total", "logins and the like without a place")
            }
            Self::StreamsRefused => ("frostguard_streams_refused_total", "streams of news without a place"),
            Self::StreamsReset => ("frostguard_streams_reset_total", "watchers told to begin anew"),
            Self::OriginsRefused => {
                ("frostguard_origins_refused_total", "changes asked for by foreign pages")
            }
            Self::RightsRefused => ("frostguard_rights_refused_total", "requests beyond the caller's role"),
            Self::LoginsRefused => ("frostguard_logins_refused_total", "logins refused"),
            Self::HubsUnknown => ("frostguard_hubs_unknown_total", "requests of hubs not enrolled"),
            Self::ClaimsRefused => ("frostguard_claims_refused_total", "claim codes refused"),
            Self::EventsFirst => ("frostguard_events_first_total", "readings that came before their events"),
            Self::Ahead => ("frostguard_ahead_total", "batches that left a hole"),
            Self::DocumentsMade => ("frostguard_documents_made_total", "documents made for hubs"),
            Self::DocumentsApplied => ("frostguard_documents_applied_total", "documents in force at a hub"),
            Self::DocumentsNotTaken => {
                ("frostguard_documents_not_taken_total", "documents that a hub did not take")
            }
            Self::DocumentsTakenBack => {
                ("frostguard_documents_taken_back_total", "documents that a hub took back")
            }
            Self::CommandsMade => ("frostguard_commands_made_total", "commands made for hubs"),
            Self::CommandsEnded => ("frostguard_commands_ended_total", "commands that ended at a hub"),
            Self::PollsTurnedAway => {
                ("frostguard_polls_turned_away_total", "hubs that found no place to wait")
            }
            Self::NewsFailed => {
                ("frostguard_news_failed_total", "failed look-ups of what is desired of hubs")
            }
            Self::Busy => ("frostguard_busy_total", "requests sent away because of too much at once"),
            Self::Failed => ("frostguard_failed_total", "requests that failed for a fault of our own"),
        }
    }

    /// Counts one.
    pub fn one(self) {
        self.add(1);
    }

    /// Counts several.
    pub fn add(self, number: u64) {
        counter!(self.described().0).increment(number);
    }
}

/// Begins to count; gives what renders the counters. Once a process.
///
/// # Errors
/// Something counts already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    for count in Count::ALL {
        let (name, meaning) = count.described();
        describe_counter!(name, Unit::Count, meaning);
        count.add(0);
    }
    Ok(handle)
}
