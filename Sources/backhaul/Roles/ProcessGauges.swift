import BackhaulTelemetry
import Foundation

/// What the kernel says of this process, under the names that all exporters use
/// (prometheus.io/docs/instrumenting/writing_clientlibs, "Process metrics"), and of the disk of its data.
enum ProcessGauges {
    /// - Parameter folder: of the process's data; nil for none.
    static func families(folder: String?) -> [MetricFamily] {
        var families: [MetricFamily] = []
        func add(_ name: String, _ help: String, _ value: Double?, kind: MetricFamily.Kind = .gauge) {
            if let value { families.append(MetricFamily(name, help, kind, [MetricFamily.Sample(value)])) }
        }
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        let memory = text("/proc/self/statm").split(separator: " ")
        add(
            "process_resident_memory_bytes", "Resident memory of the process.",
            memory.count > 1 ? Double(memory[1]).map { $0 * page } : nil)
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
            add(
                "process_cpu_seconds_total", "CPU time of the process.",
                seconds(usage.ru_utime) + seconds(usage.ru_stime), kind: .counter)
        }
        let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        add("process_open_fds", "Open file descriptors.", open.map(Double.init))
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            add("process_max_fds", "The most file descriptors.", Double(limit.rlim_cur))
        }
        guard let folder else { return families }
        var state = statvfs()
        if statvfs(folder, &state) == 0 {
            let unit = Double(state.f_frsize)
            add(
                "backhaul_data_free_bytes", "Space that is left on the disk of the data folder.",
                Double(state.f_bavail) * unit)
            add("backhaul_data_size_bytes", "Size of the disk of the data folder.", Double(state.f_blocks) * unit)
        }
        return families
    }

    private static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
