//! How much one link carries. Not a test: run it optimised, on a calm machine.

use std::time::Instant;

use super::*;

const FOR: Duration = Duration::from_secs(3);

async fn measure(callers: usize, pipeline: usize) -> f64 {
    let server = Server::start(&[]);
    let router = connected(&server).await;
    let begun = Instant::now();
    let callers: Vec<_> =
        (0..callers).map(|_| tokio::spawn(caller(router.clone(), pipeline, begun))).collect();
    let mut done = 0_u32;
    for caller in callers {
        done += caller.await.expect("no error");
    }
    f64::from(done) / begun.elapsed().as_secs_f64()
}

async fn caller(router: Router, pipeline: usize, begun: Instant) -> u32 {
    let place = Place::of(b"{v1}");
    let mut done = 0;
    while begun.elapsed() < FOR {
        if pipeline == 1 {
            router.call(Lane::Hot, place, fcall("nothing", "{v1}")).await.expect("an answer");
            done += 1;
        } else {
            let commands = (0..pipeline).map(|_| (place, fcall("nothing", "{v1}"))).collect();
            for answer in router.many(Lane::Hot, commands).await {
                answer.expect("an answer");
                done += 1;
            }
        }
    }
    done
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "its result")]
fn calls_a_second() {
    for (callers, pipeline) in [(1, 1), (16, 1), (256, 1), (1, 16), (16, 16), (64, 16)] {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let rate = runtime.expect("a runtime").block_on(measure(callers, pipeline));
        eprintln!("{callers} callers, pipelines of {pipeline}: {rate:.0} FCALL/s");
    }
}
