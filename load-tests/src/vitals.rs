//! What a gateway takes of the machine while it runs: memory and open files, over time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::process;

/// Looks at a process until it is stopped.
pub struct Vitals {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Seen>,
}

/// What was seen: seconds since the beginning, and the value then.
#[derive(Debug, Default)]
pub struct Seen {
    /// Resident memory in megabytes.
    pub memory: Vec<(f64, f64)>,
    /// Open files.
    pub files: Vec<(f64, f64)>,
}

impl Vitals {
    /// Looks at the process with this id every so often.
    pub fn watch(pid: u32, every: Duration) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let begun = Instant::now();
        let looking = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !stopped.load(Ordering::Relaxed) {
                let at = begun.elapsed().as_secs_f64();
                // A process that ended has neither; the scenario fails by itself then.
                if let (Ok(memory), Ok(files)) = (process::memory(pid, "VmRSS:"), process::files(pid)) {
                    seen.memory.push((at, memory as f64 / 1e6));
                    seen.files.push((at, files as f64));
                }
                std::thread::park_timeout(every);
            }
            seen
        });
        Self { stop, looking }
    }

    /// What was seen.
    pub fn stop(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.thread().unpark();
        self.looking.join().map_err(|_| anyhow!("the observer panicked"))
    }
}

/// By how much a value rises per hour: the slope of the line that fits best; none for less than two points.
pub fn per_hour(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (at, value) = points.iter().fold((0.0, 0.0), |sums, point| (sums.0 + point.0, sums.1 + point.1));
    let (at, value) = (at / count, value / count);
    let spread: f64 = points.iter().map(|point| (point.0 - at).powi(2)).sum();
    let common: f64 = points.iter().map(|point| (point.0 - at) * (point.1 - value)).sum();
    (points.len() > 1 && spread > 0.0).then(|| common / spread * 3600.0)
}

/// The highest of all values.
pub fn most(points: &[(f64, f64)]) -> f64 {
    points.iter().fold(0.0, |most: f64, (_, value)| most.max(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line_that_fits() {
        let rising = [(0.0, 1.0), (10.0, 2.0), (20.0, 3.0)];
        assert!((per_hour(&rising).expect("a slope") - 360.0).abs() < 1e-9);
        assert!(per_hour(&[(0.0, 5.0), (9.0, 5.0)]).expect("a slope").abs() < 1e-9);
        assert_eq!(per_hour(&[(1.0, 1.0)]), None);
    }
}
