super::tests! {}
