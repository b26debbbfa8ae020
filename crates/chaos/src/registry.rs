//! All scenarios, in the order of the results.

use crate::faults::{
    big_values, client_pause, cluster, corruption, freeze, freshness, full_queue, invalidation,
    kill, loading, many_tasks, network, never_answers, out_of_memory, password, payload,
    pool_exhausted, refusals, reset, sentinel, silent_connection, write_behind,
};
use crate::scenario::Scenario;

pub(crate) fn all() -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = vec![
        Box::new(freeze::Freeze),
        Box::new(kill::Kill::RESTART),
        Box::new(kill::Kill::LONG_DOWN),
        Box::new(client_pause::ClientPause::ALL),
        Box::new(client_pause::ClientPause::WRITE),
        Box::new(never_answers::NeverAnswers),
        Box::new(silent_connection::SilentConnection),
        Box::new(network::PACKET_DROP),
        Box::new(reset::Reset),
        Box::new(corruption::Corruption::CHANGED),
        Box::new(corruption::Corruption::CUT_SHORT),
        Box::new(password::Password),
        Box::new(full_queue::FullQueue),
        Box::new(pool_exhausted::PoolExhausted),
        Box::new(loading::Loading),
        Box::new(out_of_memory::OutOfMemory),
    ];
    all.extend(refusals::all());
    all.extend([
        Box::new(cluster::master::Master::Killed) as Box<dyn Scenario>,
        Box::new(cluster::master::Master::Frozen),
        Box::new(cluster::master::Master::CutOff),
        Box::new(cluster::shard::WholeShard),
        Box::new(cluster::resharding::Resharding),
        Box::new(sentinel::master::Master::Killed),
        Box::new(sentinel::failover::Failover),
    ]);
    all.extend([
        Box::new(invalidation::Invalidation) as Box<dyn Scenario>,
        Box::new(big_values::BigValues),
        Box::new(many_tasks::ManyTasks),
        Box::new(freshness::set_race::SetRace),
        Box::new(freshness::write_race::WriteRace),
        Box::new(freshness::l1_race::L1Race),
        Box::new(freshness::cut_link::CutLink),
        Box::new(freshness::misses::Misses),
        Box::new(freshness::cold_restart::ColdRestart),
        Box::new(freshness::loader::Loader::Panics),
        Box::new(freshness::loader::Loader::Hangs),
        Box::new(freshness::loader::Loader::IsLeft),
        Box::new(freshness::frozen_holder::FrozenHolder),
        Box::new(freshness::clock::WrongClock),
        Box::new(write_behind::killed::Killed::WORKER),
        Box::new(write_behind::killed::Killed::REDIS),
        Box::new(write_behind::poison::Poison),
        Box::new(write_behind::sink_down::SinkDown),
        Box::new(write_behind::terminate::Terminate),
        Box::new(write_behind::disk::Disk),
        Box::new(payload::bomb::Bomb),
        Box::new(payload::flipped_bits::FlippedBits),
        Box::new(payload::rotation::Rotation),
        Box::new(freshness::cold_key::ColdKey::Lives),
        Box::new(freshness::cold_key::ColdKey::IsKilled),
        Box::new(network::BLACK_HOLE),
        Box::new(network::HALF_OPEN),
        Box::new(network::DELAY),
        Box::new(network::THROTTLE),
    ]);
    for fault in sentinel::master::Master::NETWORK {
        all.push(Box::new(fault));
    }
    for fault in cluster::network::NodeNetwork::ALL {
        all.push(Box::new(fault));
    }
    all.extend([
        Box::new(write_behind::killed::Killed::FILE) as Box<dyn Scenario>,
        Box::new(write_behind::killed::Killed::STREAM_ALWAYS),
        Box::new(write_behind::killed::Killed::STREAM_EVERYSEC),
        Box::new(write_behind::power_loss::PowerLoss),
    ]);
    all
}

/// Those of these numbers or names, or of names that begin with one and a hyphen; all, where none are given.
pub(crate) fn chosen(only: &[String]) -> Result<Vec<Box<dyn Scenario>>, String> {
    if let Some(unknown) = only
        .iter()
        .find(|wanted| !all().iter().any(|s| fits(&**s, wanted)))
    {
        return Err(format!(
            "no scenario is called `{unknown}`; `--list` has them all"
        ));
    }
    let mut chosen = all();
    chosen
        .retain(|scenario| only.is_empty() || only.iter().any(|wanted| fits(&**scenario, wanted)));
    Ok(chosen)
}

fn fits(scenario: &dyn Scenario, wanted: &str) -> bool {
    let facts = scenario.facts();
    let is_of_the_kind = |rest: &str| rest.is_empty() || rest.starts_with('-');
    facts.name.strip_prefix(wanted).is_some_and(is_of_the_kind)
        || facts
            .number
            .is_some_and(|number| number.to_string() == wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn names(only: &[&str]) -> Vec<&'static str> {
        let only: Vec<String> = only.iter().map(|word| (*word).to_owned()).collect();
        let chosen = chosen(&only).expect("known");
        chosen
            .iter()
            .map(|scenario| scenario.facts().name)
            .collect()
    }

    #[test]
    fn names_differ_and_numbers_choose_all_of_theirs() {
        let all = names(&[]);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(names(&["4"]), ["client-pause-all", "client-pause-write"]);
        assert_eq!(names(&["freeze", "freeze"]), ["freeze"]);
        assert!(names(&["write-behind"]).len() >= 6);
        assert_eq!(names(&["cold-key"]), ["cold-key", "cold-key-killed"]);
        assert!(chosen(&["write-".to_owned()]).is_err());
        assert!(chosen(&["nonsense".to_owned()]).is_err());
    }

    #[test]
    fn those_without_a_number_come_last() {
        let numbers: Vec<_> = all().iter().map(|s| s.facts().number).collect();
        let first = numbers.iter().position(Option::is_none).expect("some");
        assert!(numbers[first..].iter().all(Option::is_none));
    }

    #[test]
    fn every_planned_fault_is_there() {
        let numbers: HashSet<u8> = all().iter().filter_map(|s| s.facts().number).collect();
        for number in 1..=41 {
            assert!(numbers.contains(&number), "{number}");
        }
    }
}
