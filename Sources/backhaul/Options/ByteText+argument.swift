import ArgumentParser
import BackhaulDomain

extension ByteText: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}
