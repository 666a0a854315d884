import BackhaulTestKit
import BackhaulUnits
import Foundation
import Testing

@testable import BackhaulTransfer

@Suite("Egress policy")
struct EgressTests {
    @Test(arguments: [
        "127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255", "::1", "::", "fc00::1", "fe80::1%eth0", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "198.18.0.1",
    ])
    func nonPublicAddressesAreRefused(_ text: String) throws {
        #expect(!EgressPolicy.publicOnly.allows(try #require(IPAddress(text: text))))
    }

    @Test(arguments: ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "172.32.0.1", "11.0.0.1"])
    func publicAddressesAreAllowed(_ text: String) throws {
        #expect(EgressPolicy.publicOnly.allows(try #require(IPAddress(text: text))))
    }

    /// Every form that puts the four bytes of an IPv4 address into an IPv6 address is judged as that address.
    @Test func embeddedIPv4IsJudgedAsItself() throws {
        var numbers = SeededNumbers(seed: 16)
        for _ in 0..<200 {
            let octets = (0..<4).map { _ in UInt8.random(in: 0...255, using: &numbers) }
            let dotted = octets.map(String.init).joined(separator: ".")
            let hex = octets.map { String(format: "%02x", $0) }
            let (left, right) = (hex[0] + hex[1], hex[2] + hex[3])
            let plain = try #require(IPAddress(text: dotted))
            for text in [
                "::ffff:\(dotted)", "::ffff:0:\(dotted)", "::ffff:\(left):\(right)", "64:ff9b::\(dotted)",
                "2002:\(left):\(right)::", "2002:\(left):\(right)::1",
            ] {
                #expect(IPAddress(text: text) == plain, "\(text)")
            }
            // A tunnel is allowed where its prefix and what it leads to are.
            for policy in [EgressPolicy.publicOnly, .privateNetworks] {
                for (prefix, isAllowed) in [
                    ("2606:4700:", true), ("fe80:", false), ("fd00:", policy.allowsPrivate), ("2001:db8:", false),
                ] {
                    for middle in [":5efe:", ":200:5efe:"] {
                        let tunnel = try #require(IPAddress(text: prefix + middle + dotted))
                        #expect(policy.allows(tunnel) == (isAllowed && policy.allows(plain)), "\(tunnel)")
                    }
                }
            }
            // :: and ::1 are addresses of their own.
            if octets[0...2] != [0, 0, 0] { #expect(IPAddress(text: "::\(dotted)") == plain) }
        }
    }

    /// A name with one forbidden address is refused, wherever that stands among the others.
    @Test func everyAddressOfANameIsChecked() throws {
        let (good, bad) = (["1.1.1.1", "2606:4700::1111", "8.8.8.8"], ["10.0.0.1", "::1"])
        func addresses(_ texts: [String]) -> [IPAddress] { texts.compactMap(IPAddress.init(text:)) }
        try EgressPolicy.publicOnly.requireAllowed(addresses(good))
        for place in 0...good.count {
            for forbidden in bad {
                var texts = good
                texts.insert(forbidden, at: place)
                #expect { try EgressPolicy.publicOnly.requireAllowed(addresses(texts)) } throws: { error in
                    guard case TransferError.egressRefused(forbidden) = error else { return false }
                    return true
                }
            }
        }
    }

    @Test func metadataAddressIsRefusedOnPrivateNetworks() throws {
        let policy = EgressPolicy.privateNetworks
        #expect(policy.allows(try #require(IPAddress(text: "192.168.7.7"))))
        #expect(policy.allows(try #require(IPAddress(text: "::ffff:127.0.0.1"))))
        for text in ["169.254.169.254", "fd00:ec2::254", "fe80::1", "fe80::5efe:10.0.0.1", "fd20:ce::254"] {
            #expect(!policy.allows(try #require(IPAddress(text: text))), "\(text)")
        }
        #expect(policy.allows(try #require(IPAddress(text: "fd12:3456::1"))))
        let asked = EgressPolicy(allow: try [#require(AddressRange("fd00:ec2::254"))], allowsPrivate: true)
        #expect(asked.allows(try #require(IPAddress(text: "fd00:ec2::254"))))
    }

    @Test func descriptorBudgetCountsEveryServer() {
        let none = DescriptorBudget.needed(transfers: 10, connections: [])
        #expect(DescriptorBudget.needed(transfers: 11, connections: []) == none + 6)
        let one = DescriptorBudget.needed(transfers: 10, connections: [1_024])
        #expect(one > none + 1_024)
        #expect(DescriptorBudget.needed(transfers: 10, connections: [1_024, 256]) - one > 256)
    }

    @Test func addressRangeMatchesPrefix() throws {
        let range = try #require(AddressRange("10.1.0.0/16"))
        #expect(range.contains(try #require(IPAddress(text: "10.1.255.255"))))
        #expect(!range.contains(try #require(IPAddress(text: "10.2.0.0"))))
        let six = try #require(AddressRange("2001:db8:0:ff00::/56"))
        #expect(six.contains(try #require(IPAddress(text: "2001:db8:0:ffff::1"))))
        #expect(!six.contains(try #require(IPAddress(text: "2001:db8:1::1"))))
        let deep = try #require(AddressRange("2001:db8::ff00/120"))
        #expect(deep.contains(try #require(IPAddress(text: "2001:db8::ffff"))))
        #expect(!deep.contains(try #require(IPAddress(text: "2001:db8::1:0"))))
        #expect(try #require(AddressRange("0.0.0.0/0")).contains(try #require(IPAddress(text: "9.9.9.9"))))
        for text in ["", "10.0.0.0/33", "x", "10.0.0.0/", "::/129", "1.2.3.4/8/9", "010.0.0.1/8x"] {
            #expect(AddressRange(text) == nil)
        }
    }
}
