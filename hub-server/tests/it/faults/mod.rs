//! What can befall a hub, one after the other and all at once. The whole list, with the tests of it elsewhere, is in
//! docs/OPERATIONS.md.

mod clock;
mod copies;
mod language;
mod machines;
mod outage;
mod soak;
mod standstill;
mod vanished;

/// These wait for limits of half a minute, so they do it together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_still_or_vanishes_is_passed_over() {
    let servers = Box::pin(async {
        tokio::join!(
            standstill::a_server_that_stands_still_loses_its_turn_and_forks_nothing_when_it_wakes(),
            standstill::witnesses_are_asked_by_another_server_when_one_stands_still(),
        );
    });
    let others = Box::pin(async {
        tokio::join!(
            vanished::a_machine_that_vanishes_with_the_turn_is_passed_over_and_comes_back(),
            outage::a_database_that_stands_still_is_told_of_and_waited_for(),
        );
    });
    tokio::join!(servers, others);
}
