import Yams

enum BackhaulSettingsEmpty {}
