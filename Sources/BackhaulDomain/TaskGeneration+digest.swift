extension TaskGeneration {
    package var digest: NameDigest { NameDigest([identity.tenant, identity.id], number: Int64(generation)) }
}
