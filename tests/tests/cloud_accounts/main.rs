//! Owns what is promised of people at the cloud: who is let in, what guessing gets, what they are told as it changes, and
//! what an operator's commands do about them.
//! Takes a cloud on a real Postgres, once directly and once through a real PgBouncer; gives a pass or what was seen.
//! Must never let a person in by another way than the cloud's own, but to make them known.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

mod operating;
mod sign_in;
mod watching;

use frostguard_cloud::watch::Pace;
use frostguard_tests::cloud::ingest_world::IngestWorld;
use frostguard_tests::cloud::pgbouncer::{PgBouncer, Pooling};
use frostguard_tests::cloud::shared;

/// Each promise is kept over a direct connection and through a pooler in transaction mode alike.
macro_rules! promises {
    ($($module:ident { $($promise:ident,)+ })+) => {
        mod directly {
            $($(#[test] fn $promise() { crate::$module::$promise(&crate::direct()); })+)+
        }
        mod through_pgbouncer {
            $($(#[test] fn $promise() { let (_pooler, world) = crate::pooled(); crate::$module::$promise(&world); })+)+
        }
    };
}

promises! {
    sign_in {
        who_signs_in_asks_as_a_member_until_they_sign_out,
        a_mail_that_nobody_has_is_answered_like_a_wrong_password_and_takes_as_long,
        five_wrong_tries_lock_a_mail_whether_anybody_has_it_or_not,
        however_many_try_at_once_five_of_them_are_looked_at,
        a_person_of_several_organizations_names_one_and_sees_no_other,
        a_session_ends_with_its_time_its_idleness_its_membership_and_shows_another_role_at_once,
        an_address_that_tries_many_mails_is_sent_away_and_no_other,
        of_more_than_twenty_sessions_the_oldest_end,
        a_dump_opens_nothing,
        what_is_no_sign_in_is_refused_by_its_kind,
    }
    watching {
        a_reading_that_is_taken_is_told_within_two_seconds_and_to_nobody_else,
        a_status_an_alert_and_a_live_word_are_told_as_their_paths_show_them,
        readings_that_are_not_newer_and_too_many_at_once_are_told_as_history,
        what_is_written_before_a_turn_and_seen_after_it_is_told,
        a_stream_ends_when_its_session_or_key_does_and_others_go_on,
        beyond_the_places_of_an_organization_nobody_is_let_in,
    }
}

fn direct() -> IngestWorld {
    let database = shared::cluster().unwrap().database().unwrap();
    let url = database.url();
    IngestWorld::start(database, &url).unwrap()
}

/// Two connections of the server for eight of the cloud: what a pooler mixes up shows.
fn pooled() -> (PgBouncer, IngestWorld) {
    let cluster = shared::cluster().unwrap();
    let database = cluster.database().unwrap();
    let folder = cluster.folder().parent().unwrap().join(format!("pooler-{}", database.name()));
    let pooler = PgBouncer::start(&folder, cluster.port(), Pooling::Transaction, 2).unwrap();
    let url = database.url_at(pooler.port());
    (pooler, IngestWorld::start_at(database, &url, Pace::default()).unwrap())
}
