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

use std::pin::Pin;

/// One story.
type Part = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// These wait for limits of half a minute, so they do it at the same time: each on threads of its own, so that one that
/// waits for a program holds up no request of another.
#[test]
fn who_stands_still_or_vanishes_is_passed_over() {
    let parts: [Part; 4] = [
        || {
            Box::pin(standstill::a_server_that_stands_still_loses_its_turn_and_forks_nothing_when_it_wakes())
        },
        || Box::pin(standstill::witnesses_are_asked_by_another_server_when_one_stands_still()),
        || {
            Box::pin(
                vanished::a_machine_that_vanishes_with_the_turn_is_passed_over_and_comes_back(),
            )
        },
        || Box::pin(outage::a_database_that_stands_still_is_told_of_and_waited_for()),
    ];
    std::thread::scope(|scope| {
        for part in parts {
            scope.spawn(move || {
                let mut threads = tokio::runtime::Builder::new_multi_thread();
                let runtime = threads.worker_threads(2).enable_all().build();
                runtime.unwrap().block_on(part());
            });
        }
    });
}
