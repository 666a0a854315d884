import CLibcurl
import Crypto

enum BackhaulTransferEmpty {}
