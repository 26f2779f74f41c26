//! Owns what is promised of configuring hubs from afar: what is set reaches the hub, signed, once, in order, and what
//! became of it is shown.
//! Takes a whole cloud on a real Postgres, once directly and once through a real PgBouncer, and hubs made by hand; gives a
//! pass or the difference.
//! Must never look for what the cloud should have written anywhere but at its API, at its hubs, and in the database.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

mod commands;
mod documents;
mod kills;
mod outcomes;
mod rules;
mod waiting;
mod world;

/// Each promise as two tests, each with a world of its own.
macro_rules! promises {
    ($($module:ident { $($promise:ident,)+ })+) => {
        mod directly {
            $($(#[test] fn $promise() { crate::$module::$promise(&crate::world::direct()); })+)+
        }
        mod through_pgbouncer {
            $($(#[test] fn $promise() {
                let (_pooler, world) = crate::world::pooled();
                crate::$module::$promise(&world);
            })+)+
        }
    };
}

promises! {
    rules {
        a_field_that_is_set_is_the_unit_s_own_until_it_is_taken_away,
        what_cannot_be_is_named_and_changes_nothing,
        a_limit_beyond_what_may_be_set_from_afar_is_told_of_and_still_desired,
        what_was_set_is_remembered_with_who_has_set_it,
        who_may_not_configure_changes_nothing_and_another_organization_finds_nothing,
        a_site_message_that_is_stale_changes_no_rule_that_was_set_here,
        a_hub_s_own_rules_are_kept_field_by_field_when_its_site_is_adopted,
        every_field_of_every_slot_is_set_shown_and_reaches_the_hub,
        what_is_locked_further_out_can_only_be_made_stricter,
        what_stands_at_a_unit_in_short_is_its_own_word_and_has_one_home,
    }
    documents {
        a_limit_changed_far_away_reaches_a_waiting_hub_within_two_seconds,
        a_document_has_all_rules_of_the_hub_and_only_what_was_set_has_changed,
        two_who_set_at_once_make_two_documents_and_the_later_has_both,
        of_two_hubs_of_a_site_each_gets_what_concerns_it,
        the_same_again_makes_no_document_unless_the_hub_did_not_take_it,
        a_hub_that_has_been_told_of_a_higher_number_gets_a_higher_one,
        a_hub_that_was_away_gets_the_newest_alone,
    }
    outcomes {
        what_a_hub_made_of_a_document_is_shown_with_its_reason,
        what_is_pending_is_superseded_by_what_is_newer,
        a_hub_decides_on_its_own_documents_alone,
    }
    commands {
        an_acknowledgement_is_pending_until_the_hub_has_journalled_it,
        asking_again_gives_what_is_under_way_and_a_hub_gets_each_command_once,
        what_a_hub_made_of_a_command_is_shown,
        whoever_watches_sees_documents_and_acknowledgements_move,
        a_command_whose_time_is_over_has_expired_and_can_be_asked_for_again,
        nobody_commands_what_is_not_theirs_and_nobody_acknowledges_what_is_over,
    }
    waiting {
        a_poll_without_a_good_token_is_refused,
        a_token_that_expires_while_its_hub_waits_is_told,
        a_hub_that_asks_anew_takes_the_place_of_its_own_request,
        two_hundred_hubs_wait_on_no_more_connections_than_the_pool_has,
        what_a_hub_says_of_itself_is_noted,
    }
}
