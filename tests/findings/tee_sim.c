// SPDX-License-Identifier: GPL-2.0
/* A trusted execution environment that does nothing, so that memory can be registered with it. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/tee_core.h>

static struct tee_device *tee_sim;

static void tee_sim_get_version(struct tee_device *teedev, struct tee_ioctl_version_data *vers)
{
	vers->gen_caps = TEE_GEN_CAP_REG_MEM;
}

static int tee_sim_open(struct tee_context *ctx)
{
	return 0;
}

static void tee_sim_release(struct tee_context *ctx)
{
}

static int tee_sim_shm_register(struct tee_context *ctx, struct tee_shm *shm,
				struct page **pages, size_t num_pages, unsigned long start)
{
	return 0;
}

static int tee_sim_shm_unregister(struct tee_context *ctx, struct tee_shm *shm)
{
	return 0;
}

static const struct tee_driver_ops tee_sim_ops = {
	.get_version = tee_sim_get_version,
	.open = tee_sim_open,
	.release = tee_sim_release,
	.shm_register = tee_sim_shm_register,
	.shm_unregister = tee_sim_shm_unregister,
};

static const struct tee_desc tee_sim_desc = {
	.name = "tee_sim",
	.ops = &tee_sim_ops,
	.owner = THIS_MODULE,
};

static int __init tee_sim_init(void)
{
	int ret;

	tee_sim = tee_device_alloc(&tee_sim_desc, NULL, NULL, NULL);
	if (IS_ERR(tee_sim))
		return PTR_ERR(tee_sim);
	ret = tee_device_register(tee_sim);
	if (ret)
		tee_device_unregister(tee_sim);
	return ret;
}
module_init(tee_sim_init);

static void __exit tee_sim_exit(void)
{
	tee_device_unregister(tee_sim);
}
module_exit(tee_sim_exit);

MODULE_DESCRIPTION("A trusted execution environment that does nothing");
MODULE_LICENSE("GPL");
