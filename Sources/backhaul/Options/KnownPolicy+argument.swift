import ArgumentParser
import BackhaulIngest

extension KnownPolicy: ExpressibleByArgument {}
