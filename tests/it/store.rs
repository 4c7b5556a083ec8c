//! The contract of [`Store`](vigie::store::Store), checked against every backend, and a model beside it.
//!
//! A case is an async function over a [`Backend`](bench::Backend). The macros that follow list the cases, each once, by
//! what they ask of a backend:
//!
//! - `timeless` cases need no clock;
//! - `timed` cases move the clock, so the backend must go by one that moves;
//! - `spaced` cases move it, too, and ask how often somebody is written to or how much goes out;
//! - `lasting` cases stop the store, gently or not, and open it again;
//! - `crowded` cases do much at once;
//! - `alone` cases are about a store that belongs to one process;
//! - `sharing` cases are about a store that many gateways have open;
//! - `moving` cases copy one store into another, for pairs of backends.
//!
//! Each hands its list to another macro, which makes tests of it: [`each!`] one for each case, [`in_turn!`] one for
//! all, on the same servers.

mod alone;
pub(crate) mod bench;
mod cases;
mod claiming;
mod consent;
mod crowd;
mod days;
mod deadlines;
mod directory;
mod ending;
mod errands;
mod events;
mod fencing;
mod flapping;
mod flows;
mod lasting;
mod limits;
mod mailboxes;
mod model;
mod month;
mod moving;
mod near;
mod sharing;
mod spacing;
mod suppression;
mod worth;

/// Makes one test of each case.
macro_rules! each {
    ($backend:ident, $flavor:literal, $($module:ident: [$($case:ident),* $(,)?]),* $(,)?) => {
        $(mod $module {
            $(#[tokio::test(flavor = $flavor)]
            async fn $case() {
                crate::store::$module::$case::<crate::store::bench::$backend>().await;
            })*
        })*
    };
}

/// Makes one test of all cases, which run one after the other on the same servers. It says which case is running, so
/// that the last one named is the one that failed.
macro_rules! in_turn {
    ($backend:ident, $flavor:literal, $($module:ident: [$($case:ident),* $(,)?]),* $(,)?) => {
        #[tokio::test(flavor = $flavor)]
        async fn all_in_turn() {
            use crate::store::bench::{$backend, Grounded};
            let ground = $backend::ground().await;
            $($(
                println!("{}::{}", stringify!($module), stringify!($case));
                // Boxed: together they would not fit a stack.
                let case = Box::pin(crate::store::$module::$case::<$backend>());
                Box::pin($backend::on(ground.clone(), case)).await;
            )*)*
        }
    };
}

/// Cases that need no clock.
macro_rules! timeless {
    ($tests:ident, $backend:ident) => {
        $tests!($backend, "current_thread",
        claiming: [
            a_new_send_waits,
            the_same_send_again_is_the_same,
            another_body_under_the_same_id_is_a_conflict,
            a_touch_claims_what_waits,
            a_touch_claims_only_its_own_persons_sends,
            an_enqueue_to_somebody_online_comes_back_claimed,
            a_repeated_touch_gets_the_same_claims,
            a_repeated_enqueue_gets_the_same_claim,
            priority_then_deadline_then_arrival,
            one_touch_claims_a_bounded_number,
            beyond_the_bound_sends_are_refused_one_by_one,
            away_ends_presence,
        ],
        fencing: [
            an_accepted_send_is_sent_and_keeps_nothing_personal,
            a_repeated_finish_is_done_and_another_is_stale,
            a_stale_hold_changes_nothing,
            a_repeated_begin_is_done,
            a_released_send_can_be_claimed_at_once,
            a_rejected_send_has_failed,
            an_uncertain_send_is_held_or_sent_again,
            counting_deferrals_come_to_an_end,
            a_deferral_that_was_long_on_its_way_is_over_at_once,
            the_history_is_bounded,
        ],
        ending: [
            a_cancelled_send_never_goes,
            a_cancel_makes_a_claim_stale,
            a_cancel_after_begin_comes_too_late,
            a_cancel_of_what_ended_says_how,
            a_settled_case_cancels_its_sends_and_no_other,
            forgetting_a_person_leaves_nothing,
            a_forgotten_send_in_hand_over_ends_and_keeps_nothing,
        ],
        cases: [
            a_case_is_opened_and_changed,
            a_claim_says_what_is_owed_now,
            a_settled_case_takes_nothing_more,
            a_settlement_and_a_hand_over_have_one_winner,
            what_comes_back_of_a_closed_case_ends,
            a_case_that_was_handed_off_may_be_settled,
            a_hundred_sends_are_settled_together,
            a_forgotten_person_owes_nothing,
            beyond_the_bound_cases_are_refused,
            who_saw_a_letter_is_counted_in_its_case,
            a_closed_case_keeps_sums_and_tells_them,
        ],
        consent: [
            without_consent_there_is_no_presence,
            a_withdrawal_wins_over_presumption,
            a_later_statement_replaces_an_earlier_one,
            a_withdrawal_holds_whatever_the_clocks_say,
            what_was_said_before_can_be_shown,
            a_claim_says_whether_it_may_be_tracked,
        ],
        flows: [
            a_paused_flow_holds_its_sends,
            a_paused_campaign_leaves_the_others_running,
            only_what_is_known_is_replaced,
            settings_are_published,
        ],
        mailboxes: [
            a_mailbox_is_watched_until_it_is_removed,
            a_forgotten_persons_mailbox_is_not_watched,
            only_what_is_known_is_sealed_anew,
            beyond_the_bound_mailboxes_are_refused,
        ],
        events: [
            every_end_is_told,
            an_event_of_the_gateways_own_is_told,
            a_repeated_step_tells_the_same_event,
            the_log_is_read_page_by_page,
            who_waits_hears_of_it,
            a_position_that_is_gone_is_named,
        ],
        errands: [one_holds_an_errand, what_is_changed_is_nobodys],
        suppression: [
            what_waits_and_what_is_claimed_is_handed_off,
            what_comes_later_is_handed_off_at_once,
            each_of_them_is_told,
            one_brand_or_all,
            a_send_in_hand_over_ends_or_is_handed_off,
            lifted_it_lets_mail_through_again,
            forgotten_with_the_person,
            an_address_in_its_words_is_taken_out,
            many_waiting_sends_are_handed_off_together,
            every_reason_is_kept_and_told,
        ],
        );
    };
}

/// Cases that move the clock.
macro_rules! timed {
    ($tests:ident, $backend:ident) => {
        $tests!($backend, "current_thread",
        cases: [
            a_deadline_takes_a_case_out_of_e_mail,
            a_mail_that_is_handed_off_takes_its_case_along,
            a_mail_under_way_ends_before_its_case_leaves,
            closed_cases_are_forgotten_in_time,
        ],
        worth: [
            what_a_signal_is_worth_follows_from_its_mails_age,
            a_mail_being_handed_over_is_younger_than_any,
            a_mail_that_was_not_taken_has_no_age,
            an_uncertain_mail_has_an_age,
            hints_of_two_kinds_make_presence,
            a_hint_grows_surer_with_its_mails_age,
            hints_of_one_kind_never_do,
            hints_end,
            a_mail_servers_hint_after_a_mail_is_its_echo,
            a_mail_lands_once_and_in_time,
            a_machine_found_out_ends_what_was_just_seen,
            hours_are_remembered_of_those_who_agreed,
        ],
        deadlines: [
            not_before_holds_until_its_moment,
            a_due_moment_claims_for_whoever_is_online,
            a_deadline_sends_without_presence,
            a_deadline_hands_off_or_drops_even_in_a_paused_flow,
            a_deadline_waits_for_its_flow,
            a_deadline_waits_for_a_setting_to_end,
            a_deadline_waits_for_the_gap,
            whoever_is_overdue_takes_turns,
            a_deadline_waits_for_the_claim_before_it,
            a_claimed_send_is_left_alone_at_its_deadline,
            a_deferral_beyond_the_deadline_goes_without_presence,
            due_comes_at_the_earliest_moment,
            a_tick_does_a_bounded_number,
            a_repeated_tick_gets_the_same_claims,
            a_lapsed_send_is_not_claimed_before_the_tick,
            what_time_brings_is_late_from_its_moment_on,
            what_was_held_back_is_not_late,
        ],
        near: [
            what_comes_near_its_deadline_is_told_with_the_hours,
            what_is_near_from_the_start_is_told_at_once,
            what_is_aimed_goes_without_presence_then,
            presence_comes_before_the_better_moment,
            what_cannot_be_aimed_is_left,
            a_withdrawal_takes_the_moment_back,
        ],
        fencing: [
            a_lease_that_runs_out_frees_the_send,
            a_lease_that_runs_out_after_begin_leaves_doubt,
            a_renewed_lease_lasts,
            a_late_finish_still_counts_until_the_tick,
            every_attempt_has_the_date_of_the_first,
        ],
        days: [live_sends_are_counted_by_age_and_deadline],
        lasting: [finished_sends_are_purged_in_time],
        errands: [an_errand_comes_free_with_its_lease],
        suppression: [a_lease_that_ends_hands_off],
        );
    };
}

/// Cases that move the clock, about how often somebody is written to and how much goes out.
macro_rules! spaced {
    ($tests:ident, $backend:ident) => {
        $tests!($backend, "current_thread",
        month: [a_month_keeps_every_promise],
        limits: [
            a_rate_holds_in_every_second,
            a_day_holds_in_every_24_hours,
            a_limit_that_is_raised_or_lowered_holds_at_once,
            who_waits_comes_back_spread,
            a_day_that_is_used_up_and_a_pause_are_asked_about_soon,
            a_pause_that_ends_soon_is_waited_for,
            limits_end_by_themselves,
            the_limits_of_a_pause_hold_when_it_is_over,
            a_clock_that_was_set_back_stops_nobody,
            a_token_is_of_all_flows_or_of_none,
            limits_by_configuration_hold_without_a_word,
            a_flow_begins_again_slowly,
        ],
        flapping: [
            four_gateways_and_a_flapping_limit_are_never_too_many,
            a_month_of_warm_up_keeps_to_each_day,
        ],
        spacing: [
            presence_ends_with_the_window,
            one_visit_one_mail,
            two_brands_share_one_person,
            the_gap_is_forgotten_when_it_is_over,
            one_person_has_one_budget_for_all_brands,
            of_several_budgets_all_hold,
            a_brands_budget_leaves_the_others_alone,
            what_is_overdue_goes_when_the_budget_has_room,
        ],
        );
    };
}

/// Cases that stop the store and open it again.
macro_rules! lasting {
    ($tests:ident, $backend:ident) => {
        $tests!($backend, "current_thread",
        days: [ages_and_deadlines_survive_a_crash],
        cases: [cases_survive_a_crash, what_was_seen_survives_a_crash],
        limits: [a_day_outlives_the_process],
        lasting: [
            everything_survives_a_clean_stop,
            everything_survives_a_crash,
            the_gap_and_the_grace_survive_a_crash,
            a_repeated_finish_is_recognised_after_a_crash,
            counters_survive_and_stay_conserved,
            a_closed_store_is_unavailable,
        ],
        mailboxes: [mailboxes_survive_a_crash],
        events: [no_event_is_lost_in_a_crash, positions_survive],
        errands: [notes_survive_a_crash],
        suppression: [it_survives_a_crash],
        near: [the_moment_survives_a_crash],
        );
    };
}

/// Cases with many at once.
macro_rules! crowded {
    ($tests:ident, $backend:ident) => {
        $tests!($backend, "multi_thread",
        crowd: [
            each_send_has_one_fate,
            many_producers_of_the_same_send_make_one,
            a_sleeper_does_not_keep_a_store_open,
        ],
        );
    };
}

/// Cases of a store that belongs to one process.
macro_rules! alone {
    ($tests:ident, $backend:ident) => {
        $tests!($backend, "current_thread",
        alone: [
            a_crash_frees_claims_and_leaves_doubt_after_begin,
            a_crash_sends_again_where_the_brand_wants_it,
            due_sleeps_until_the_earliest_moment,
            due_comes_for_a_purge,
            beyond_max_online_signals_claim_but_are_not_remembered,
        ],
        );
    };
}

/// Cases of a store that many gateways share.
macro_rules! sharing {
    ($tests:ident, $backend:ident) => {
        $tests!($backend, "current_thread",
        sharing: [
            claims_survive_a_crash_and_come_back_by_their_lease,
            a_begun_claim_that_nobody_ends_leaves_doubt_with_its_lease,
            a_holder_goes_on_after_a_crash,
            presence_survives_a_crash,
            gateways_see_the_same_store,
            every_gateway_follows_a_flow,
        ],
        mailboxes: [gateways_share_mailboxes],
        events: [gateways_hear_each_other],
        );
    };
}

/// Cases that move everything from one store to another, for a pair of backends.
macro_rules! moving {
    ($tests:ident, $pair:ident) => {
        $tests!($pair, "current_thread",
        moving: [
            a_page_holds_a_bounded_number,
            one_persons_sends_come_as_they_arrived,
            an_adoption_is_durable,
            an_adoption_claims_nothing,
            a_departure_says_what_it_found,
            a_shut_store_stays_shut_until_it_is_reopened,
            a_send_stays_the_same,
            a_long_history_goes_on,
            many_sends_arrive,
            ages_and_deadlines_arrive,
            consents_and_settings_arrive,
            mailboxes_arrive,
            open_cases_arrive,
            suppressions_arrive,
            what_moves_to_where_its_person_gets_no_mail_is_handed_off,
            there_and_back_again,
            an_interrupted_copy_is_taken_up,
            a_copy_stops_between_pages,
            a_copy_that_fails_leaves_the_old_store_shut,
            a_conflict_stays_and_is_named,
            what_is_claimed_stays,
            a_send_that_was_cancelled_there_does_not_come_back,
            a_full_store_takes_what_fits,
            a_store_is_not_copied_onto_itself,
        ],
        );
    };
}

/// Makes the tests of one backend, or of a pair: which macro makes them, and of which cases.
macro_rules! contract {
    ($name:ident: $tests:ident $backend:ident [$($cases:ident),*]) => {
        mod $name {
            $(mod $cases {
                $cases!($tests, $backend);
            })*
        }
    };
}

contract!(embedded: each EmbeddedBackend [timeless, timed, spaced, lasting, crowded, alone]);
contract!(redis: each RedisBackend [timeless, timed, spaced, lasting, crowded, sharing]);
contract!(redis_in_partitions: in_turn SpreadBackend [timeless, timed, spaced, lasting, crowded, sharing]);
contract!(redis_cluster: in_turn ClusterBackend [timeless, timed, spaced, lasting, crowded, sharing]);
contract!(valkey: in_turn ValkeyBackend [timeless, timed, spaced, lasting, crowded, sharing]);
contract!(embedded_to_embedded: each EmbeddedPair [moving]);
contract!(embedded_to_redis: each ToRedis [moving]);
contract!(redis_to_embedded: each FromRedis [moving]);
contract!(embedded_to_redis_cluster: in_turn ToCluster [moving]);
contract!(redis_cluster_to_embedded: in_turn FromCluster [moving]);
