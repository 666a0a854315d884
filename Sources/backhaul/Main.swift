import ArgumentParser
import FlyingFox
import Logging

@main struct Main: AsyncParsableCommand {}
