//! Owns the promises of the read API: what it shows, how it cuts lists, what it refuses, and that it shows nobody
//! anything of another organization.
//! Takes a real database with two organizations; each promise is tried straight and through a real pooler that gives
//! each transaction another connection. Must never write through the service's login.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

mod described;
mod faults;
mod isolation;
mod pages;
mod shapes;
mod walls;
mod world;

/// Each promise as two tests.
macro_rules! promises {
    ($($module:ident { $($promise:ident,)+ })+) => {
        mod straight {
            use crate::world::{Connection, world};
            $($(#[test] fn $promise() { crate::$module::$promise(world(Connection::Straight)); })+)+
        }
        mod through_the_pooler {
            use crate::world::{Connection, world};
            $($(#[test] fn $promise() { crate::$module::$promise(world(Connection::Pooled)); })+)+
        }
    };
}

promises! {
    shapes {
        a_site_is_shown_whole,
        a_unit_is_shown_with_its_latest_and_with_what_its_hub_says,
        a_unit_whose_temperature_was_never_heard_has_no_status,
        units_are_filtered_by_site_and_status,
        a_reading_is_shown_with_its_exact_temperature,
        a_metric_is_shown_in_hundredths,
        a_door_event_an_alert_an_entry_and_a_reading_set_aside_are_shown_whole,
        a_hub_is_shown_with_its_streams_and_what_waits_at_it,
        a_hub_s_documents_and_commands_are_shown_newest_first,
        a_unit_without_rules_of_its_own_shows_where_each_field_comes_from,
        open_alerts_are_those_that_are_not_over,
        a_hub_is_online_while_it_was_seen_within_two_minutes,
        alerts_are_filtered_by_status_unit_and_time,
        the_log_is_filtered_by_type_and_unit,
        what_is_given_up_is_in_no_list_but_keeps_its_record,
        what_was_set_aside_is_counted_by_reason_over_the_whole_range,
        without_a_range_the_last_day_is_shown,
    }
    pages {
        readings_of_equal_times_are_neither_lost_nor_repeated_whatever_the_page,
        every_list_gives_the_same_rows_in_pages_as_at_once,
        a_range_begins_with_its_first_moment_and_ends_before_its_last,
        a_token_is_refused_when_damaged_or_given_with_another_question,
    }
    faults {
        no_key_and_every_bad_key_are_refused_alike,
        every_bad_session_is_refused_like_none,
        a_parameter_out_of_its_range_is_named_with_its_range,
        an_unknown_parameter_is_named_with_those_that_are_known,
        an_unknown_path_and_an_unknown_method_are_problems_too,
        nothing_of_an_answer_is_to_be_kept_by_a_cache,
    }
    isolation {
        every_path_of_the_document_answers_as_described,
        whatever_is_asked_with_an_id_of_the_other_is_not_there,
        every_role_may_do_what_the_table_says_and_nothing_else,
        a_handler_gets_no_caller_whose_role_has_not_the_right_and_is_told_who_it_is,
        a_change_is_not_taken_from_another_s_page,
        no_list_shows_anything_of_the_other,
        a_filter_with_an_id_of_the_other_finds_nothing,
        two_organizations_that_ask_at_once_never_see_each_other,
    }
    walls {
        every_tenant_table_has_rows_of_both_and_its_wall_is_forced,
        without_an_organization_every_table_is_empty_for_the_service,
        with_an_organization_no_row_of_the_other_is_seen,
        no_row_can_be_written_for_the_other,
        no_record_can_be_deleted_or_changed_by_whoever_serves,
        nobody_has_a_right_on_a_partition,
        nobody_who_serves_owns_a_table_or_passes_a_wall,
        no_wall_asks_a_volatile_function,
        every_door_is_known_and_has_a_fixed_search_path,
        the_words_of_the_api_are_those_of_the_database,
    }
}
