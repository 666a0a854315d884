internal import BackhaulUnits
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Closes connections whose client is too slow, and those whose request was answered before its body arrived.
///
/// Counts only the time in which the server waits to read and the client sends nothing, or the server waits to
/// write and the client reads nothing: a client that the server itself delays (a batch while the log is busy) is
/// never slow. A head has a time limit of its own, however slowly its bytes arrive.
final class SlowClientGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// A pipeline event: the server starts or stops working on the request.
    struct Working: Sendable {
        var isSo: Bool
    }

    private let pace: ClientPace
    private let onSlow: @Sendable () -> Void
    private var body = ClientPace.Meter()
    private var isReceiving = false
    /// Whether the server works on the request. The client may wait for it, so its silence does not count.
    private var isWorking = false
    /// Requests whose head has arrived, and responses that have ended.
    private var requests = 0
    private var answers = 0
    /// When the pending read began; nil without one.
    private var readingSince: NIODeadline?
    private var stuckSince: NIODeadline?
    /// Since when the head of the next request is awaited; nil while one is answered.
    private var headSince: NIODeadline?
    private var check: Scheduled<Void>?
    private var isClosing = false
    private var isGone = false

    /// How long the rest of a refused body is read and discarded, so that a reset does not lose the response.
    private static let linger = TimeAmount.seconds(2)

    init(pace: ClientPace, onSlow: @escaping @Sendable () -> Void) {
        self.pace = pace
        self.onSlow = onSlow
    }

    func handlerAdded(context: ChannelHandlerContext) {
        headSince = context.eventLoop.now
        schedule(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        isGone = true
        check?.cancel()
    }

    // MARK: From the client

    func read(context: ChannelHandlerContext) {
        if readingSince == nil { readingSince = context.eventLoop.now }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count(context.eventLoop.now)
        switch unwrapInboundIn(data) {
        case .head:
            requests += 1
            headSince = nil
            isReceiving = true
            body = ClientPace.Meter()
        case .body(let bytes):
            body.size += ByteCount(clamping: bytes.readableBytes)
            // The request is answered; the rest of its body is discarded.
            if isClosing { return }
        case .end:
            isReceiving = false
        }
        context.fireChannelRead(data)
    }

    private func count(_ now: NIODeadline) {
        guard let since = readingSince else { return }
        if !isWorking { body.waited += .nanoseconds((now - since).nanoseconds) }
        readingSince = nil
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let working = event as? Working else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        // Waiting before the work starts counts; waiting while it runs does not.
        let isReading = readingSince != nil
        count(context.eventLoop.now)
        if isReading { readingSince = context.eventLoop.now }
        isWorking = working.isSo
        promise?.succeed()
    }

    // MARK: To the client

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where isReceiving && answers + 1 == requests && head.status.code >= 400:
            head.headerFields[.connection] = "close"
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end where isReceiving && answers + 1 == requests:
            isClosing = true
            context.writeAndFlush(data, promise: promise)
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.close(mode: .output, promise: nil)
            context.eventLoop.scheduleTask(in: Self.linger) { bound.value.close(promise: nil) }
        case .end:
            answers += 1
            if answers == requests { headSince = context.eventLoop.now }
            context.write(data, promise: promise)
        default:
            context.write(data, promise: promise)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stuckSince = context.channel.isWritable ? nil : context.eventLoop.now
        context.fireChannelWritabilityChanged()
    }

    // MARK: Periodic check

    private func schedule(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        check = context.eventLoop.scheduleTask(in: .seconds(1)) {
            let (guarding, context) = bound.value
            guarding.look(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        guard !isGone else { return }
        var meter = body
        let now = context.eventLoop.now
        if let readingSince, !isWorking { meter.waited += .nanoseconds((now - readingSince).nanoseconds) }
        let stuck = stuckSince.map { (now - $0).nanoseconds } ?? 0
        let awaited = headSince.map { (now - $0).nanoseconds } ?? 0
        guard !(isReceiving && !isClosing && pace.isTooSlow(meter)), !pace.isStuck(.nanoseconds(stuck)),
            .nanoseconds(awaited) < pace.longestHead
        else {
            onSlow()
            return context.close(promise: nil)
        }
        schedule(context)
    }
}
